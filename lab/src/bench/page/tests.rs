use super::super::figure::{Figure, Target, Unit};
use super::super::saved::Peer;
use super::{figures, fill, peers, plot};

fn some() -> Vec<Figure> {
    let figure = |workload: &str, what: &str, value, unit, target| Figure {
        workload: workload.to_owned(),
        what: what.to_owned(),
        value,
        unit,
        target,
    };
    vec![
        figure("W1", "get / floor", 0.8, Unit::Times, Some(Target::AtMost(1.0))),
        figure("W1", "allocations", 0.0, Unit::Count, Some(Target::AtMost(0.0))),
        figure("W2", "scaling <2>", 1.5, Unit::Times, Some(Target::AtLeast(1.9))),
        figure("W2", "the ground", 1.96, Unit::Times, None),
    ]
}

#[test]
fn the_table_says_what_was_met_and_by_which_command() {
    let expected = "\
| workload | what | measured | to reach | | command |
|---|---|--:|--:|---|---|
| W1 | get / floor | 0.80 × | ≤ 1.00 × | met | `cargo xtask bench W1` |
| W1 | allocations | 0 | ≤ 0 | met | `cargo xtask bench W1` |
| W2 | scaling <2> | 1.50 × | ≥ 1.90 × | **missed** | `cargo xtask bench W2` |
| W2 | the ground | 1.96 × | – | – | `cargo xtask bench W2` |
";
    assert_eq!(figures(&some()), expected);
}

#[test]
fn a_peer_that_does_not_fit_is_listed_with_the_reason() {
    let fits = Peer { name: "one".into(), cells: vec!["2.00 ×".into()], remark: String::new() };
    let unfit = Peer { name: "two".into(), cells: Vec::new(), remark: "does not build".into() };
    let table = peers(&[fits, unfit]);
    assert!(
        table
            .ends_with("| one | 2.00 × | – | – | – | – |  |\n| two | – | – | – | – | – | does not build |\n")
    );
}

#[test]
fn a_text_goes_into_its_place_and_nowhere_else() {
    let page = "a\n<!-- bench: x -->\nold\n<!-- end: x -->\nb\n";
    let filled = fill(page, "x", "new\n").unwrap();
    assert_eq!(filled, "a\n<!-- bench: x -->\nnew\n<!-- end: x -->\nb\n");
    assert_eq!(fill(&filled, "x", "new\n").unwrap(), filled);
    fill(page, "y", "").unwrap_err();
}

#[test]
fn the_plot_draws_what_has_a_scale_and_marks_what_was_missed() {
    let svg = plot(&some());
    assert_eq!(svg.matches("<rect x=").count(), 2);
    assert_eq!(svg.matches("#c2572b").count(), 1);
    // 0.8 of what is allowed, and 1.9 / 1.5 of it.
    assert!(svg.contains("width=\"176.0\"") && svg.contains("width=\"278.7\""));
    assert!(svg.contains("W2 scaling &lt;2&gt;") && svg.ends_with("</svg>\n"));
}
