use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::answer::{Sent, Words};
use super::case::{Case, Ending, Surface};

/// How often a dripping server sends something.
const DRIP: Duration = Duration::from_millis(20);

/// A server that answers every request with one case. It ends when it is dropped.
#[derive(Debug)]
pub struct HostileServer {
    address: SocketAddr,
    counts: Arc<Counts>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Debug, Default)]
struct Counts {
    requests: AtomicUsize,
    written: AtomicUsize,
    astray: AtomicUsize,
}

/// All that a connection needs.
struct Stage {
    bytes: Vec<u8>,
    again: Option<(Vec<u8>, Duration)>,
    ending: Ending,
    reads: bool,
}

impl HostileServer {
    /// Starts a server that plays `case` to requests of this surface, on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// Those of listening.
    pub async fn start(case: &Case, surface: Surface, sent: Sent<'_>) -> io::Result<Self> {
        let here = TcpListener::bind("127.0.0.1:0").await?;
        let elsewhere = TcpListener::bind("127.0.0.1:0").await?;
        let address = here.local_addr()?;
        let words = Words {
            surface,
            sent,
            here: format!("http://{address}"),
            elsewhere: format!("http://{}", elsewhere.local_addr()?),
        };
        let said = &case.said;
        let again =
            |text: &Option<String>, pause| text.as_ref().map(|text| (words.expand(text.as_bytes()), pause));
        let stage = Arc::new(Stage {
            bytes: case.bytes(&words)?,
            again: again(&said.endless, Duration::ZERO).or_else(|| again(&said.drip, DRIP)),
            ending: said.ending,
            reads: said.reads,
        });
        let counts = Arc::new(Counts::default());
        let serving = tokio::spawn(accept(here, stage, Arc::clone(&counts)));
        let watching = Arc::clone(&counts);
        let waiting = tokio::spawn(async move {
            while elsewhere.accept().await.is_ok() {
                watching.astray.fetch_add(1, Ordering::Relaxed);
            }
        });
        Ok(Self { address, counts, tasks: [serving, waiting] })
    }

    /// Returns its origin, which is its issuer, too: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns how many requests came.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.counts.requests.load(Ordering::Relaxed)
    }

    /// Returns how many bytes were handed to the network: what the client read, and what fits into the sockets.
    #[must_use]
    pub fn written(&self) -> usize {
        self.counts.written.load(Ordering::Relaxed)
    }

    /// Returns whether the client went where the answer would lead it.
    #[must_use]
    pub fn led_astray(&self) -> bool {
        self.counts.astray.load(Ordering::Relaxed) > 0
    }
}

impl Drop for HostileServer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn accept(listener: TcpListener, stage: Arc<Stage>, counts: Arc<Counts>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (stage, counts) = (Arc::clone(&stage), Arc::clone(&counts));
        // The client may leave at any time; that is not the server's failure.
        tokio::spawn(async move { drop(play(stream, &stage, &counts).await) });
    }
}

async fn play(mut stream: TcpStream, stage: &Stage, counts: &Counts) -> io::Result<()> {
    if !stage.reads {
        return std::future::pending().await;
    }
    while read(&mut stream).await? {
        counts.requests.fetch_add(1, Ordering::Relaxed);
        stream.write_all(&stage.bytes).await?;
        counts.written.fetch_add(stage.bytes.len(), Ordering::Relaxed);
        if let Some((piece, pause)) = &stage.again {
            loop {
                if !pause.is_zero() {
                    tokio::time::sleep(*pause).await;
                }
                stream.write_all(piece).await?;
                counts.written.fetch_add(piece.len(), Ordering::Relaxed);
            }
        }
        match stage.ending {
            Ending::Keep => {}
            Ending::Close => return stream.shutdown().await,
            Ending::Reset => return stream.set_zero_linger(),
            Ending::Silence => {
                let mut rest = Vec::new();
                return stream.read_to_end(&mut rest).await.map(drop);
            }
        }
    }
    Ok(())
}

/// Reads one request; `false` if there is none.
async fn read(stream: &mut TcpStream) -> io::Result<bool> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(false);
        }
    };
    let text = String::from_utf8_lossy(bytes.get(..head).unwrap_or_default()).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    while bytes.len() < head + length.unwrap_or(0) {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}
