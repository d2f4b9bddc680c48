//! Answers that no client wants to meet, one file each, and a server that plays them.
//!
//! A case is a file of `hostile/GROUP/NAME.http` in this crate: a few lines of TOML that say what a client must make
//! of it and why, a line `---`, and the answer, byte for byte. A new case is a new file; whoever runs all of them
//! finds it. Feature `hostile`.
//!
//! # Format
//!
//! | key | means |
//! |---|---|
//! | `reason` | why a client must take it so |
//! | `expect` | `"accepted"`, or the kind of error: `"InvalidResponse"` |
//! | `surfaces` | which requests it may answer; all of them if it does not say |
//! | `except` | surfaces of which something else is expected |
//! | `ending` | `"close"` (usual), `"keep"`, `"reset"`, or `"silence"`: nothing more, without end |
//! | `endless` | what is sent again and again after the answer |
//! | `drip` | what is sent every 20 ms after the answer |
//! | `encoding` | `"gzip"`: the body is compressed |
//! | `cut` | how many bytes are missing at the end of the body |
//! | `reads` | `false`: the request is never read |
//!
//! Lines of the head end in CRLF on the wire and in LF in the file, and a length of the body is added unless the head
//! has one. These stand for something else:
//!
//! | in the file | on the wire |
//! |---|---|
//! | `{answer}` | a good answer to this request |
//! | `{begun}` | the same, without its last brace |
//! | `{first}` | the first member of it |
//! | `{client_secret}`, `{token}`, `{basic}` | what the client sent: its secret, the token, its Basic credentials |
//! | `{self}`, `{elsewhere}` | the origin of this server, and of one that nobody may be led to |
//! | `{repeat 3 ab}` | `ababab` |
//! | `{numbered 3 m#,}` | `m0,m1,m2,`; braces in it come in pairs |
//!
//! ```
//! use butlr_auth_testkit::hostile::{Case, Expected, HostileServer, Sent, Surface};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let case = Case::all().into_iter().find(|case| case.name() == "access-token/crlf").unwrap();
//! assert_eq!(case.expected(Surface::Token), Expected::Error("InvalidResponse"));
//!
//! let sent = Sent { client_id: "cli", client_secret: "secret", token: "refresh" };
//! let server = HostileServer::start(&case, Surface::Token, sent).await?;
//! // … let the client under test ask for a token at `server.url()` …
//! assert_eq!(server.requests(), 0);
//! assert!(!server.led_astray());
//! # Ok(())
//! # }
//! ```

mod answer;
mod case;
mod server;

pub use answer::Sent;
pub use case::{Case, Expected, Surface};
pub use server::HostileServer;
