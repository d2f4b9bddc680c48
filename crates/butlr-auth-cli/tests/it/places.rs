//! Homes and mounts as containers, `sudo` and read-only systems have them.

mod configuration_of_others;
mod nowhere_to_write;
mod secret_files;
