//! A run, for people and for machines.

use std::collections::BTreeMap;

use anyhow::Result;

use super::conductor::Outcome;
use super::outage::Kind;
use super::{Plan, Row, Store};

pub(super) fn print(outcome: &Outcome, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(&outcome.verdict)?);
    } else {
        print!("{}", table(outcome));
    }
    Ok(())
}

fn table(outcome: &Outcome) -> String {
    let Outcome { plan, took, verdict, .. } = outcome;
    let mut lines = vec![
        headline(plan),
        row("exchanges", format!("{} of at most {}", verdict.exchanges, verdict.upper_bound)),
        row("invalid_grant, reuse", format!("{}, {}", verdict.invalid_grant, verdict.reuse)),
        row("forks", verdict.forks),
        row(
            "youngest renewed",
            verdict.youngest_renewed_ms.map_or_else(|| "none".to_owned(), |age| format!("{age} ms")),
        ),
        row("gets", format!("{}, {:.0} a second", verdict.gets, verdict.gets as f64 / took.as_secs_f64())),
        row(
            "API calls",
            format!("{}, {:.0} a second", verdict.calls, verdict.calls as f64 / took.as_secs_f64()),
        ),
        row("expired, wrong tokens", format!("{}, {}", verdict.expired_served, verdict.wrong_served)),
        row("needless wait", format!("{} ms", verdict.longest_wait_ms)),
        row(
            "wait in the margin",
            format!("{} ms at most, while the last token lived", verdict.longest_live_wait_ms),
        ),
        row("mandatory wait", format!("{} ms at most", verdict.longest_mandatory_wait_ms)),
    ];
    if let Some(patience) = plan.patience {
        lines.push(row("callers that gave up", format!("{} after {patience:?}", verdict.given_up)));
    }
    for (what, counts) in [("failed gets", &verdict.errors), ("events", &verdict.events)] {
        if !counts.is_empty() {
            lines.push(row(what, list(counts)));
        }
    }
    if !verdict.outages.is_empty() {
        let count = |kind: Kind| verdict.outages.iter().filter(|outage| **outage == kind).count();
        let (killed, frozen) = (count(Kind::Killed), count(Kind::Frozen));
        lines.push(row("outages of the store", format!("killed {killed}, frozen {frozen}")));
    }
    if !plan.rows.is_empty() {
        let hits = |row: Row| verdict.kills.iter().filter(|hit| hit.row == row).count();
        let rows: BTreeMap<String, u64> =
            plan.rows.iter().map(|row| (format!("{row:?}"), hits(*row) as u64)).collect();
        lines.push(row("killed or stopped at", list(&rows)));
        let mut logins: BTreeMap<String, u64> = BTreeMap::new();
        for login in &verdict.logins {
            *logins
                .entry(login.window.map_or_else(|| "no row".to_owned(), |row| format!("{row:?}")))
                .or_default() += 1;
        }
        lines.push(row("logins after", if logins.is_empty() { "none".to_owned() } else { list(&logins) }));
    }
    lines.extend(verdict.violations.iter().map(|violation| format!("VIOLATED {violation}")));
    lines.push(if verdict.ok { "every invariant held" } else { "an invariant does not hold" }.to_owned());
    lines.join("\n") + "\n"
}

fn headline(plan: &Plan) -> String {
    let store = match plan.store {
        Store::Memory => "in memory",
        Store::File => "in a file",
        Store::Sqlite => "in SQLite",
        Store::Encrypted => "in an encrypted file",
        Store::Redis => "in Redis",
        Store::Postgres => "in PostgreSQL",
    };
    let lock = if plan.lease && !plan.store.has_server() { ", without the kernel's lock" } else { "" };
    let (processes, tasks) = (plan.processes, plan.tasks);
    let same = plan
        .same_token
        .map_or(String::new(), |kind| format!(", one token for all its life ({})", kind.quirk()));
    let slow = plan.slow.map_or(String::new(), |slow| format!(", a server that takes up to {slow:?}"));
    format!(
        "{processes} × {tasks} tasks for {:?} on tokens of {:?} {store}{lock}, reuse forgiven for {:?}{same}{slow}",
        plan.duration, plan.lifetime, plan.grace
    )
}

fn row(what: &str, value: impl std::fmt::Display) -> String {
    format!("{what:<22} {value}")
}

fn list(counts: &BTreeMap<String, u64>) -> String {
    counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}
