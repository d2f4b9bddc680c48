//! W1 and W2: the `Authorization` header of a request while the token is fresh, from one thread and from two.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::Duration;

use anyhow::{Context as _, Result};
use arc_swap::ArcSwap;
use butlr_auth_cache::Session;
use butlr_auth_core::{Clock as _, Grant, SystemClock};
use butlr_auth_http::AuthorizationHeader;
use http::HeaderValue;
use tokio::runtime::Runtime;

use super::figure::{Report, Target, Unit};
use super::issuer::Issuer;
use super::measure::{Samples, now};

const LIFETIME: Duration = Duration::from_secs(24 * 3600);
const WARM_UP: usize = 20;

/// What everybody does at least who shares a header that is replaced now and then: load it, clone it, and read the
/// clock to know whether it is still good.
struct Floor {
    header: ArcSwap<HeaderValue>,
    clock: SystemClock,
}

impl Floor {
    fn new(header: HeaderValue) -> Self {
        Self { header: ArcSwap::from_pointee(header), clock: SystemClock::new() }
    }

    fn get(&self) -> (HeaderValue, Duration) {
        (HeaderValue::clone(&self.header.load()), self.clock.boot())
    }
}

/// A session with a token for the day, and its header.
fn header(runtime: &Runtime) -> Result<AuthorizationHeader> {
    let grant = Grant::client_credentials();
    let session = Session::builder(Issuer::new(LIFETIME)?).grant(grant).open()?;
    let header = AuthorizationHeader::new(session);
    // The first one brings the token, and with it a new version; the second one is kept.
    runtime.block_on(header.get())?;
    runtime.block_on(header.get())?;
    Ok(header)
}

pub(super) fn one_thread(report: &mut Report) -> Result<()> {
    const BATCH: u32 = 20_000;
    const ROUNDS: usize = 400;

    report.begin("W1", "a ready header from a fresh session, one thread");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ours = header(&runtime)?;
    let floor = Floor::new(ours.try_get().context("the header is ready")?);
    let mut load = Samples::in_batches("ArcSwap load, HeaderValue clone", BATCH);
    let mut load_and_clock = Samples::in_batches("ArcSwap load, HeaderValue clone, clock read", BATCH);
    let mut get = Samples::in_batches("AuthorizationHeader::get", BATCH);
    let mut try_get = Samples::in_batches("AuthorizationHeader::try_get", BATCH);
    for round in 0..WARM_UP + ROUNDS {
        if round == WARM_UP {
            for samples in [&mut load, &mut load_and_clock, &mut get, &mut try_get] {
                samples.clear();
            }
        }
        load.time(|| {
            for _ in 0..BATCH {
                black_box(HeaderValue::clone(&floor.header.load()));
            }
        });
        load_and_clock.time(|| {
            for _ in 0..BATCH {
                black_box(floor.get());
            }
        });
        get.time(|| {
            runtime.block_on(async {
                for _ in 0..BATCH {
                    black_box(ours.get().await)?;
                }
                Ok::<_, butlr_auth_core::Error>(())
            })
        })?;
        try_get.time(|| {
            for _ in 0..BATCH {
                black_box(ours.try_get());
            }
        });
    }
    for samples in [&load, &load_and_clock, &get, &try_get] {
        report.note(samples);
    }
    let allocations = allocation_counter::measure(|| {
        for _ in 0..BATCH {
            black_box(ours.try_get());
        }
    });
    report.at_most("get / (load + clone + clock read)", get.ratio(&load_and_clock), 1.0);
    report.at_most("try_get / (load + clone + clock read)", try_get.ratio(&load_and_clock), 1.0);
    report.count_at_most("allocations per 20,000 gets", allocations.count_total as f64, 0.0);
    Ok(())
}

pub(super) fn two_threads(report: &mut Report) -> Result<()> {
    const BATCH: u32 = 400_000;
    const ROUNDS: usize = 40;

    report.begin("W2", "the same on two threads that share one session");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ours = header(&runtime)?;
    let shared = Floor::new(ours.try_get().context("the header is ready")?);
    let clock = SystemClock::new();
    let value = ours.try_get().context("the header is ready")?;
    let per_thread = |name: &str| Samples::in_batches(name, BATCH);
    let mut of_ours = [per_thread("ours, one thread"), per_thread("ours, two threads, each")];
    let mut of_floor =
        [per_thread("shared floor, one thread"), per_thread("shared floor, two threads, each")];
    let mut of_ground =
        [per_thread("nothing shared, one thread"), per_thread("nothing shared, two threads, each")];
    for _ in 0..ROUNDS {
        for (threads, samples) in (1..).zip(&mut of_ours) {
            samples.add(on_threads(threads, BATCH, || {
                // The first call of a thread takes its copy from the session; the copy is what is measured.
                let _ = runtime.block_on(ours.get());
                || {
                    black_box(ours.try_get());
                }
            }));
        }
        for (threads, samples) in (1..).zip(&mut of_floor) {
            samples.add(on_threads(threads, BATCH, || {
                || {
                    black_box(shared.get());
                }
            }));
        }
        for (threads, samples) in (1..).zip(&mut of_ground) {
            samples.add(on_threads(threads, BATCH, || {
                let own = HeaderValue::from_bytes(value.as_bytes()).ok();
                let clock = clock.clone();
                move || {
                    black_box((own.clone(), clock.boot()));
                }
            }));
        }
    }
    for samples in of_ours.iter().chain(&of_floor).chain(&of_ground) {
        report.note(samples);
    }
    // Two threads that take as long as one have done twice the work.
    let scaling = |[one, two]: &[Samples; 2]| 2.0 / two.best_ratio(one);
    let (ours_scale, ground_scale) = (scaling(&of_ours), scaling(&of_ground));
    report.shown("two threads that share nothing / one, by the best rounds", ground_scale, Unit::Times);
    report.shown("the shared floor on two threads / one", scaling(&of_floor), Unit::Times);
    report.figure(
        "ours on two threads / one, in total, by the best rounds",
        ours_scale,
        Unit::Times,
        Some(Target::AtLeast(1.9)),
    );
    let [_, two] = &of_ours;
    let [_, floor] = &of_floor;
    report.shown("ours on two threads / the shared floor on two", floor.best_ratio(two), Unit::Times);
    Ok(())
}

/// How long the slowest of so many threads takes for `batch` calls of what `prepare` makes in it.
fn on_threads<F: FnMut()>(threads: usize, batch: u32, prepare: impl Fn() -> F + Sync) -> Duration {
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut call = prepare();
                    barrier.wait();
                    let start = now();
                    for _ in 0..batch {
                        call();
                    }
                    start.elapsed()
                })
            })
            .collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).max().unwrap_or_default()
    })
}
