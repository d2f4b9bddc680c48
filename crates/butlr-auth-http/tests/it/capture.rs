//! A server of a few lines that records each request as it came and plays back bytes. It is no HTTP library, so that
//! it can also send what no HTTP library would.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the server does with a request once it is read.
#[derive(Clone, Debug)]
pub(crate) enum Play {
    /// Writes these bytes and keeps the connection.
    Bytes(Vec<u8>),
    /// Writes what this makes of the request and keeps the connection.
    #[cfg(all(feature = "reqwest-middleware", feature = "tower"))]
    By(fn(&Request) -> Vec<u8>),
    /// Writes these bytes for the first request of a connection and plays on with the next.
    First(Vec<u8>, Box<Self>),
    /// Writes what stands there for the path, or status 404.
    Site(Site),
    /// Resets the connection without reading anything.
    Slam,
    /// Writes these bytes and closes.
    Close(Vec<u8>),
    /// Writes these bytes, then resets the connection.
    Reset(Vec<u8>),
    /// Writes the first, then the second again and again until the client leaves.
    Endless(Vec<u8>, Vec<u8>),
    /// Writes these bytes, then one every 20 ms until the client leaves.
    Drip(Vec<u8>),
    /// Writes these bytes and then keeps silent until the client leaves.
    Stall(Vec<u8>),
}

/// A few pages, by their paths, that a test may change at any time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Site(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl Site {
    pub(crate) fn put(&self, path: &str, response: Vec<u8>) {
        self.0.lock().unwrap().insert(path.to_owned(), response);
    }

    fn get(&self, path: &str) -> Vec<u8> {
        let page = self.0.lock().unwrap().get(path).cloned();
        page.unwrap_or_else(|| response("404 Not Found", "text/html", "<h1>Not here</h1>"))
    }
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(found, _)| found == name);
        let (_, value) = found.next()?;
        assert!(found.next().is_none(), "{name} stands twice");
        Some(value)
    }
}

#[derive(Debug)]
pub(crate) struct Capture {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
    connections: Arc<Mutex<usize>>,
    closed: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Capture {
    /// Answers every request with status 200 and this JSON.
    pub(crate) async fn json(body: &str) -> Self {
        Self::start(Play::Bytes(response("200 OK", "application/json", body))).await
    }

    pub(crate) async fn start(play: Play) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(Mutex::new(0));
        let (closing, closed) = watch::channel(0);
        let stage = Stage { play, seen: Arc::clone(&seen) };
        let task = tokio::spawn(accept(listener, stage, Arc::clone(&connections), closing));
        Self { address, seen, connections, closed, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits until `count` connections have been closed.
    pub(crate) async fn closed(&self, count: usize) {
        let mut closed = self.closed.clone();
        closed.wait_for(|closed| *closed >= count).await.unwrap();
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    #[track_caller]
    pub(crate) fn only_request(&self) -> Request {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "exactly one request: {requests:?}");
        requests[0].clone()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn response(status: &str, content_type: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}")
        .into()
}

/// What every connection needs.
#[derive(Clone)]
struct Stage {
    play: Play,
    seen: Arc<Mutex<Vec<Request>>>,
}

async fn accept(
    listener: TcpListener,
    stage: Stage,
    connections: Arc<Mutex<usize>>,
    closing: watch::Sender<usize>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        *connections.lock().unwrap() += 1;
        let (stage, closing) = (stage.clone(), closing.clone());
        tokio::spawn(async move {
            // The client may leave at any time; that is not the server's failure.
            let _ = serve(stream, stage).await;
            closing.send_modify(|closed| *closed += 1);
        });
    }
}

async fn serve(mut stream: TcpStream, stage: Stage) -> io::Result<()> {
    let Stage { mut play, seen } = stage;
    if matches!(play, Play::Slam) {
        return stream.set_zero_linger();
    }
    while let Some(request) = read(&mut stream).await? {
        let target = request.target.clone();
        seen.lock().unwrap().push(request.clone());
        match play.clone() {
            Play::Site(site) => stream.write_all(&site.get(&target)).await?,
            Play::Bytes(bytes) => stream.write_all(&bytes).await?,
            #[cfg(all(feature = "reqwest-middleware", feature = "tower"))]
            Play::By(answer) => stream.write_all(&answer(&request)).await?,
            Play::First(bytes, next) => {
                stream.write_all(&bytes).await?;
                play = *next;
            }
            Play::Slam => return stream.set_zero_linger(),
            Play::Close(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Play::Reset(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.set_zero_linger();
            }
            Play::Endless(head, piece) => {
                stream.write_all(&head).await?;
                loop {
                    stream.write_all(&piece).await?;
                }
            }
            Play::Drip(bytes) => {
                stream.write_all(&bytes).await?;
                let mut tick = tokio::time::interval(Duration::from_millis(20));
                loop {
                    tick.tick().await;
                    stream.write_all(b" ").await?;
                }
            }
            Play::Stall(bytes) => {
                stream.write_all(&bytes).await?;
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).await?;
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn read(stream: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.split("\r\n");
    let mut start = lines.next().unwrap().split(' ');
    let (method, target) = (start.next().unwrap().to_owned(), start.next().unwrap().to_owned());
    let headers: Vec<_> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = bytes.split_off(head + 4);
    while body.len() < length {
        stream.read_buf(&mut body).await?;
    }
    Ok(Some(Request { method, target, headers, body: String::from_utf8(body).unwrap() }))
}
