//! The contenders, each set up as its documentation shows it.

mod aws;
mod azure;
mod google;
mod huskarl;
mod middle;
mod ours;
mod yup;

pub(crate) use aws::Aws;
pub(crate) use azure::Azure;
pub(crate) use google::Google;
pub(crate) use huskarl::Huskarl;
pub(crate) use middle::Middle;
pub(crate) use ours::Ours;
pub(crate) use yup::Yup;
