//! W1 and W2: a ready header, from one thread and from two.

use std::hint::black_box;
use std::sync::Barrier;

use anyhow::{Result, ensure};
use tokio::runtime::{Handle, Runtime};

use crate::contender::Contender;
use crate::loopback::Loopback;
use crate::measure::{Samples, now};

const BATCH: u32 = 4_000;
const ROUNDS: usize = 60;
const WARM_UP: usize = 3;

/// A contender with a token for an hour.
pub(crate) struct Ready {
    run: Box<dyn Fn() + Send + Sync>,
    pub(crate) one: Samples,
    pub(crate) two: Samples,
    /// It has to be answered for as long as it asks.
    _server: Loopback,
}

impl Ready {
    pub(crate) fn open<C: Contender>(runtime: &Runtime) -> Result<Self> {
        let server = Loopback::start()?;
        let contender = runtime.block_on(C::open(&server))?;
        let header = runtime.block_on(contender.header())?;
        ensure!(header.len() > 1024, "{} hands out no token", C::NAME);
        let asked = server.requests();
        runtime.block_on(contender.header())?;
        ensure!(server.requests() == asked, "{} asks again although the token is fresh", C::NAME);
        let handle: Handle = runtime.handle().clone();
        let run = Box::new(move || {
            handle.block_on(async {
                for _ in 0..BATCH {
                    let _ = black_box(contender.header().await);
                }
            });
        });
        let samples = |threads| Samples::in_batches(format!("{}, {threads}", C::NAME), BATCH);
        Ok(Self { run, one: samples("one thread"), two: samples("two threads"), _server: server })
    }

    pub(crate) fn clone_samples(&self) -> (Samples, Samples) {
        (self.one.clone(), self.two.clone())
    }

    fn round(&mut self) {
        self.one.time(&self.run);
        let barrier = Barrier::new(2);
        let slower = std::thread::scope(|scope| {
            let threads = [(); 2].map(|()| {
                scope.spawn(|| {
                    barrier.wait();
                    let start = now();
                    (self.run)();
                    start.elapsed()
                })
            });
            threads.into_iter().filter_map(|thread| thread.join().ok()).max()
        });
        self.two.add(slower.unwrap_or_default());
    }
}

/// Measures all of them in turns.
pub(crate) fn in_turns<'a>(contenders: impl Iterator<Item = &'a mut Ready>) {
    let mut contenders: Vec<_> = contenders.collect();
    for round in 0..WARM_UP + ROUNDS {
        for contender in &mut contenders {
            if round == WARM_UP {
                contender.one.clear();
                contender.two.clear();
            }
            contender.round();
        }
    }
}
