//! The sockets that are listened at: one, or one of each family for `localhost`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use butlr_auth_core::{Error, ErrorKind};
use tokio::net::{TcpListener, TcpStream};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// How often a free port is drawn until it is free in both families.
const DRAWS: u32 = 16;

/// `EAFNOSUPPORT` of Linux, of the BSDs and macOS: std has no kind for it.
const NO_SUCH_FAMILY: [i32; 2] = [97, 47];

/// Which addresses answers may come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    V4,
    V6,
    /// Both at one port, or the one that there is.
    Localhost,
}

#[derive(Debug)]
pub(super) struct Sockets {
    first: TcpListener,
    second: Option<TcpListener>,
}

impl Sockets {
    /// Opens them at this port, or at a free one, and says which it is.
    pub(super) async fn bind(place: Place, port: Option<u16>) -> Result<(Self, u16), Error> {
        let asked = port.unwrap_or(0);
        match place {
            Place::V4 => Self::one(SocketAddr::new(V4, asked)).await,
            Place::V6 => Self::one(SocketAddr::new(V6, asked)).await,
            Place::Localhost => {
                let mut bound = Self::both(asked).await;
                for _ in 1..DRAWS {
                    // What was free in one family is taken in the other.
                    if port.is_some() || !bound.as_ref().is_err_and(|error| error.kind() == ErrorKind::Busy) {
                        break;
                    }
                    bound = Self::both(asked).await;
                }
                bound
            }
        }
    }

    async fn one(address: SocketAddr) -> Result<(Self, u16), Error> {
        let (first, port) = listen(address).await.map_err(|error| unbound(address, error))?;
        Ok((Self { first, second: None }, port))
    }

    /// Whoever has the one that is taken would get answers that are for us.
    async fn both(port: u16) -> Result<(Self, u16), Error> {
        let address = SocketAddr::new(V4, port);
        let (first, port) = match listen(address).await {
            Ok(found) => found,
            Err(error) if is_absent(&error) => return Self::one(SocketAddr::new(V6, port)).await,
            Err(error) => return Err(unbound(address, error)),
        };
        let address = SocketAddr::new(V6, port);
        match listen(address).await {
            Ok((second, _)) => Ok((Self { first, second: Some(second) }, port)),
            Err(error) if is_absent(&error) => Ok((Self { first, second: None }, port)),
            Err(error) => Err(unbound(address, error)),
        }
    }

    pub(super) async fn accept(&self) -> io::Result<TcpStream> {
        let Some(second) = &self.second else { return Ok(self.first.accept().await?.0) };
        let (stream, _) = tokio::select! {
            accepted = self.first.accept() => accepted?,
            accepted = second.accept() => accepted?,
        };
        Ok(stream)
    }
}

async fn listen(address: SocketAddr) -> io::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind(address).await?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// Whether this machine has no such address, as where IPv6 is off.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error().is_some_and(|code| NO_SUCH_FAMILY.contains(&code))
}

fn unbound(address: SocketAddr, error: io::Error) -> Error {
    let (kind, message) = match error.kind() {
        io::ErrorKind::AddrInUse => {
            (ErrorKind::Busy, format!("another program listens at {address}, where the answer would come"))
        }
        _ => (ErrorKind::Unsupported, format!("nothing can be listened to at {address}")),
    };
    Error::new(kind, message).with_source(error)
}
