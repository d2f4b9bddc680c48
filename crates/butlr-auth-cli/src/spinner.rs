//! Something that moves while a person waits, and nothing at all for a program.

use std::pin::pin;
use std::time::Duration;

use crate::output::Output;

const FRAMES: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/// What is over sooner needs none.
const PATIENCE: Duration = Duration::from_millis(300);

const STEP: Duration = Duration::from_millis(100);

/// Awaits, and shows on a terminal what is awaited.
pub(crate) async fn during<T>(output: &Output, text: &str, awaited: impl Future<Output = T>) -> T {
    let mut awaited = pin!(awaited);
    if !output.is_watched() {
        return awaited.await;
    }
    let shown = Shown(output);
    if let Ok(done) = tokio::time::timeout(PATIENCE, &mut awaited).await {
        return done;
    }
    for frame in FRAMES.into_iter().cycle() {
        shown.0.progress(&format!("{frame} {text}"));
        if let Ok(done) = tokio::time::timeout(STEP, &mut awaited).await {
            return done;
        }
    }
    awaited.await
}

/// Takes the line away again, however the wait ends.
struct Shown<'a>(&'a Output);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.0.progress("");
    }
}
