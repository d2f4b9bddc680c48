//! A token endpoint on the loopback interface that does next to nothing, so that what is measured is its client.
//!
//! It runs on a thread of its own, issues a token of 1 KiB to whoever asks, counts, and can be told to be slow or to
//! fail. The workspace of the peers includes this file as it is.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// How long an access token is.
const TOKEN_LENGTH: usize = 1024;

/// The server. It ends with its process.
#[derive(Debug)]
pub(crate) struct Loopback {
    pub(crate) base_url: String,
    behaviour: Arc<Behaviour>,
}

#[derive(Debug)]
struct Behaviour {
    requests: AtomicU64,
    delay: AtomicU64,
    status: AtomicU64,
    expires_in: AtomicU64,
}

impl Loopback {
    pub(crate) fn start() -> io::Result<Self> {
        let behaviour = Arc::new(Behaviour {
            requests: AtomicU64::new(0),
            delay: AtomicU64::new(0),
            status: AtomicU64::new(200),
            expires_in: AtomicU64::new(3600),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _context = runtime.enter();
            let socket = TcpSocket::new_v4()?;
            socket.bind(([127, 0, 0, 1], 0).into())?;
            socket.listen(4096)?
        };
        let base_url = format!("http://{}", listener.local_addr()?);
        let served = Arc::clone(&behaviour);
        std::thread::Builder::new()
            .name("token-endpoint".to_owned())
            .spawn(move || runtime.block_on(serve(listener, served)))?;
        Ok(Self { base_url, behaviour })
    }

    /// How many requests have come in so far.
    pub(crate) fn requests(&self) -> u64 {
        self.behaviour.requests.load(Ordering::SeqCst)
    }

    /// Waits this long before every answer.
    pub(crate) fn delay(&self, delay: Duration) {
        let delay = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.behaviour.delay.store(delay, Ordering::SeqCst);
    }

    /// Answers with this status; only 200 issues a token.
    pub(crate) fn status(&self, status: u16) {
        self.behaviour.status.store(u64::from(status), Ordering::SeqCst);
    }

    /// Issues tokens for this long.
    pub(crate) fn lifetime(&self, lifetime: Duration) {
        self.behaviour.expires_in.store(lifetime.as_secs(), Ordering::SeqCst);
    }
}

async fn serve(listener: TcpListener, behaviour: Arc<Behaviour>) {
    while let Ok((connection, _)) = listener.accept().await {
        let behaviour = Arc::clone(&behaviour);
        tokio::spawn(async move {
            // A client that hangs up has heard enough.
            let _ = answer(connection, &behaviour).await;
        });
    }
}

/// Answers every request of a connection.
async fn answer(mut connection: TcpStream, behaviour: &Behaviour) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut received = Vec::new();
    while let Some(length) = request(&mut connection, &mut received).await? {
        received.drain(..length);
        let number = behaviour.requests.fetch_add(1, Ordering::SeqCst);
        let delay = Duration::from_millis(behaviour.delay.load(Ordering::SeqCst));
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let status = behaviour.status.load(Ordering::SeqCst);
        let expires_in = behaviour.expires_in.load(Ordering::SeqCst);
        let body = if status == 200 { token(number, expires_in) } else { String::new() };
        let head = format!(
            "HTTP/1.1 {status} Answer\r\ncontent-type: application/json\r\ncache-control: no-store\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        connection.write_all((head + &body).as_bytes()).await?;
    }
    Ok(())
}

/// Reads until one whole request is there, and tells its length; `None` at the end of the connection.
async fn request(connection: &mut TcpStream, received: &mut Vec<u8>) -> io::Result<Option<usize>> {
    loop {
        if let Some(length) = complete(received) {
            return Ok(Some(length));
        }
        if connection.read_buf(received).await? == 0 {
            return Ok(None);
        }
    }
}

/// The length of the first request, if all of it is there.
fn complete(received: &[u8]) -> Option<usize> {
    let head = received.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(received.get(..head)?).to_lowercase();
    let body = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let length = head + body.unwrap_or(0);
    (received.len() >= length).then_some(length)
}

fn token(number: u64, expires_in: u64) -> String {
    format!(
        r#"{{"access_token":"{number:0>TOKEN_LENGTH$}","token_type":"Bearer","expires_in":{expires_in}}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::complete;

    #[test]
    fn a_request_is_complete_with_the_last_byte_of_its_body() {
        let request = b"POST /token HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(complete(request), Some(request.len()));
        assert_eq!(complete(&request[..request.len() - 1]), None);
        assert_eq!(complete(b"GET / HTTP/1.1\r\n\r\nGET"), Some(18));
        assert_eq!(complete(b"GET / HTTP/1.1\r\n"), None);
    }
}
