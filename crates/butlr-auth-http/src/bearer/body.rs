use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};

/// An answer's body, of which the beginning may have been read already: whoever reads it gets all of it, in order.
pub struct BearerBody<B: Body> {
    read: VecDeque<Result<Frame<Bytes>, B::Error>>,
    rest: Pin<Box<B>>,
}

impl<B: Body> BearerBody<B> {
    pub(super) fn new(body: B) -> Self {
        Self { read: VecDeque::new(), rest: Box::pin(body) }
    }

    /// Returns the whole body if it has `limit` bytes at most. What is read is kept.
    pub(super) async fn peek(&mut self, limit: usize) -> Option<Vec<u8>> {
        // The length that the server announces saves reading what would be too long; it is not believed.
        if self.rest.size_hint().lower() > limit as u64 {
            return None;
        }
        let mut whole = Vec::new();
        while !self.rest.is_end_stream() {
            let Some(frame) = poll_fn(|context| poll(&mut self.rest, context)).await else { break };
            let data = frame.as_ref().ok().and_then(Frame::data_ref);
            let too_long = data.is_some_and(|data| whole.len() + data.len() > limit);
            let ended = frame.is_err() || too_long;
            if let Some(data) = data.filter(|_| !ended) {
                whole.extend_from_slice(data);
            }
            self.read.push_back(frame);
            if ended {
                return None;
            }
        }
        Some(whole)
    }
}

fn poll<B: Body>(
    body: &mut Pin<Box<B>>,
    context: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
    // Of bytes this is no copy.
    let bytes = |frame: Frame<B::Data>| frame.map_data(|mut data| data.copy_to_bytes(data.remaining()));
    body.as_mut().poll_frame(context).map(|frame| frame.map(|result| result.map(bytes)))
}

impl<B: Body> Body for BearerBody<B>
where
    B::Error: Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        match this.read.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => poll(&mut this.rest, context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let data = |frame: &Result<Frame<Bytes>, B::Error>| {
            frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, |data| data.len() as u64)
        };
        let read: u64 = self.read.iter().map(data).sum();
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(read.saturating_add(rest.lower()));
        if let Some(upper) = rest.upper() {
            hint.set_upper(read.saturating_add(upper));
        }
        hint
    }
}

impl<B: Body> fmt::Debug for BearerBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerBody").finish_non_exhaustive()
    }
}
