//! What people paste: with quotes, in pieces, without its beginning, longer than a terminal's line, and wrong.

use std::io::Write as _;

use crate::terminal::Terminal;
use crate::world::World;

const SIZE: (u16, u16) = (100, 50);

async fn approved(world: &World, address: &str) -> String {
    world.server.approve(address).await.unwrap()
}

#[tokio::test]
async fn an_address_is_taken_however_it_was_pasted() {
    let world = World::new().await;
    for alter in [
        |redirect: &str| format!("\"{redirect}\""),
        |redirect: &str| format!("  <{redirect}>  "),
        |redirect: &str| format!("{}\n{}", &redirect[..40], &redirect[40..]),
        |redirect: &str| {
            format!("{}\r\n   {}", &redirect[..redirect.len() - 5], &redirect[redirect.len() - 5..])
        },
        |redirect: &str| redirect.split_once('?').unwrap().1.to_owned(),
        |redirect: &str| format!("?{}", redirect.split_once('?').unwrap().1),
    ] {
        let visit = async |_: &_, address: &str| alter(&approved(&world, address).await);
        world.log_in_by_page(&["login", "code"], visit).await.succeeded();
    }
}

#[tokio::test]
async fn a_program_that_keeps_its_pipe_open_is_not_waited_for() {
    let world = World::new().await;
    let mut login = world.start(&["login", "code"]);
    let address = login.line(|line| line.starts_with("http").then(|| line.trim().to_owned()));
    let redirect = approved(&world, &address).await;
    let mut stdin = login.child.stdin.take().unwrap();
    writeln!(stdin, "{redirect}").unwrap();
    login.end().succeeded();
    drop(stdin);
}

fn address_on(terminal: &mut Terminal) -> String {
    terminal.sees("Paste it here: ");
    let seen = terminal.seen();
    let lines: Vec<&str> = seen.lines().collect();
    (*lines.iter().rfind(|line| line.starts_with("http")).unwrap()).trim().to_owned()
}

#[tokio::test]
async fn a_line_longer_than_the_terminals_is_taken_whole() {
    let world = World::new().await;
    let mut terminal = Terminal::start(&world, SIZE, &["login", "code", "--no-browser"]);
    let redirect = approved(&world, &address_on(&mut terminal)).await;
    let long = format!("{redirect}&session_state={}", "x".repeat(20_000));
    // More than a terminal holds at once: it has to be read while it is typed.
    for piece in long.as_bytes().chunks(1024) {
        terminal.types(std::str::from_utf8(piece).unwrap());
    }
    terminal.types("\n");
    terminal.sees("logged in as profile `code`");
    terminal.end().succeeded();
}

#[tokio::test]
async fn a_wrong_paste_is_asked_for_again() {
    let world = World::new().await;
    let mut terminal = Terminal::start(&world, SIZE, &["login", "code", "--no-browser"]);
    let redirect = approved(&world, &address_on(&mut terminal)).await;
    let as_typed = format!("{redirect}oops\x7f\x7f\x7f\x7f\n");
    for (wrong, said) in [
        ("nonsense\n", "this is no address"),
        ("https://example.com/?code=c\n", "this is an address at https://example.com"),
    ] {
        terminal.types(wrong);
        terminal.sees(said);
    }
    terminal.types(&as_typed);
    terminal.sees("logged in as profile `code`");
    let ended = terminal.end().succeeded();
    assert_eq!(ended.stderr.matches("Paste it here: ").count(), 3, "{}", ended.stderr);
}
