//! Other crates on the workloads W1 to W3, in turns with this product's session in one process:
//! `cargo xtask bench --peers`. Each line of standard output is one of them, as JSON.

mod contender;
mod contenders;
mod herd;
#[path = "../../src/bench/loopback.rs"]
mod loopback;
#[path = "../../src/bench/measure.rs"]
mod measure;
mod ready;

use anyhow::Result;
use serde::Serialize;

use crate::contender::Contender;
use crate::contenders::{Aws, Azure, Google, Huskarl, Middle, Ours, Yup};
use crate::herd::Herds;
use crate::ready::Ready;

/// A row of the table in docs/performance.md.
#[derive(Serialize)]
struct Row {
    name: String,
    cells: Vec<String>,
    remark: String,
}

/// Everything about one contender: how fast a ready header is, and what a herd does.
struct Entry {
    name: &'static str,
    remark: &'static str,
    ready: Ready,
    herds: Herds,
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let post = herd::one_post(&runtime)?;
    eprintln!("  {post}");
    let mut entries = vec![
        measured::<Ours>(&runtime)?,
        measured::<Middle>(&runtime)?,
        measured::<Google>(&runtime)?,
        measured::<Huskarl>(&runtime)?,
        measured::<Azure>(&runtime)?,
        measured::<Yup>(&runtime)?,
        measured::<Aws>(&runtime)?,
    ];
    ready::in_turns(entries.iter_mut().map(|entry| &mut entry.ready));
    let Some(ours) = entries.first().map(|entry| entry.ready.clone_samples()) else { return Ok(()) };
    for Entry { name, remark, ready, herds } in &entries {
        eprintln!("  {}\n  {}", ready.one, ready.two);
        let mut cells = vec![
            format!("{:.1} ×", ready.one.ratio(&ours.0)),
            format!("{:.1} ×", ready.two.best_ratio(&ours.1)),
        ];
        cells.extend(herds.cells(&post));
        let row = Row { name: (*name).to_owned(), cells, remark: (*remark).to_owned() };
        println!("{}", serde_json::to_string(&row)?);
    }
    Ok(())
}

/// Opens a contender and sends herds at it. A background task of a contender lives on this runtime.
fn measured<C: Contender>(runtime: &tokio::runtime::Runtime) -> Result<Entry> {
    eprintln!("{}", C::NAME);
    let herds = runtime.block_on(herd::of::<C>())?;
    let ready = Ready::open::<C>(runtime)?;
    Ok(Entry { name: C::NAME, remark: C::REMARK, ready, herds })
}
