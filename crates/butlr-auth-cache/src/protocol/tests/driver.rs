//! Drives the machine as `session/flight.rs` does, one action at a time, so that anything can happen in between.

use std::time::Duration;

use super::mutation::Mutation;
use super::process::{Claim, Departed, Doing, Process, Task};
use super::server::{Verdict, number_of, refresh_token};
use super::store::Written;
use super::world::{BEAT, Fault, World, current_token, token_key};
use crate::Event;
use crate::protocol::{Action, Answer, FailureClass, Input, Ledger, Outcome, Pause, Received, State};

impl World {
    /// Does the next thing of a process's attempt.
    pub(super) fn step(&mut self, number: usize, fault: Option<Fault>) {
        let Some(mut task) = self.processes[number].task.take() else { return };
        self.tally.faults += u32::from(fault.is_some_and(|fault| !matches!(fault, Fault::Slow(_))));
        let input = match task.doing.clone() {
            Doing::Next(action) => self.act(number, &mut task, action, fault),
            Doing::Leaving(token) => {
                task.doing = self.deliver(number, &mut task, token, fault);
                None
            }
            Doing::Travelling { answer, .. } => Some(self.take(number, &mut task, answer)),
            Doing::Waiting { .. } => {
                if self.processes[number].is_urgent(self.moment()) {
                    task.attempt.hurry();
                }
                Some(Input::Waited)
            }
        };
        if let Some(input) = input {
            let action = task.attempt.step(input, self.moment());
            task.warned |= task.attempt.take_notices().contains(&Event::NotPersisted);
            if let Action::Done(outcome) = action {
                self.conclude(number, task, outcome);
                return;
            }
            task.doing = Doing::Next(action);
        }
        self.processes[number].task = Some(task);
    }

    fn act(&mut self, number: usize, task: &mut Task, action: Action, fault: Option<Fault>) -> Option<Input> {
        let fails = fault == Some(Fault::StoreFails);
        Some(match action {
            Action::Load if fails || !self.store.is_readable() => Input::LoadFailed,
            Action::Load => self.load(number, task),
            Action::Hold if !self.store.holds => Input::HoldUnsupported,
            Action::Hold if fails => Input::HoldFailed,
            Action::Hold => {
                let holder = *self.store.holder.get_or_insert(number);
                if holder == number { Input::Held } else { Input::HoldBusy }
            }
            Action::Swap(next) => self.swap(number, task, *next, fault),
            Action::Send { token, not_after } => {
                let guarded = self.setting.mutation != Some(Mutation::IgnoreTheGuard);
                if guarded && not_after.is_some_and(|guard| self.now > guard) {
                    Input::Answer(Answer::TooLate)
                } else {
                    task.overslept = false;
                    task.doing = Doing::Leaving(number_of(token.expect("these sessions rotate")));
                    return None;
                }
            }
            Action::Wait(pause) => {
                self.beat_now(task);
                let until = self.now
                    + match pause {
                        Pause::For(wait) => wait,
                        Pause::Poll | Pause::Persist => self.setting.poll,
                    };
                task.doing = Doing::Waiting { until };
                return None;
            }
            Action::Publish => {
                self.publish(number, task);
                Input::Published
            }
            Action::Revoke => {
                self.tally.revocations += 1;
                self.server.revoke(task.received.expect("only what was received is given back"));
                Input::Revoked
            }
            Action::Done(_) => return None,
        })
    }

    fn load(&mut self, number: usize, task: &mut Task) -> Input {
        let mut ledger = self.store.ledger.clone();
        let process = &mut self.processes[number];
        match self.setting.mutation {
            Some(Mutation::SkipTheReload) if process.memory.is_some() => ledger.clone_from(&process.memory),
            Some(Mutation::IgnoreTheFence) if task.received.is_some() => {
                let claimed = task.claim.map_or(0, |claim| claim.fence);
                ledger.iter_mut().for_each(|ledger| ledger.fence = claimed);
            }
            _ => {}
        }
        process.adopt(ledger.as_ref(), token_key());
        task.version = self.store.version;
        task.knows_refused |= ledger.as_ref().is_some_and(|ledger| ledger.state != State::Active);
        Input::Loaded(ledger.map(Box::new))
    }

    fn swap(&mut self, number: usize, task: &mut Task, mut next: Ledger, fault: Option<Fault>) -> Input {
        let is_claim = task.received.is_none()
            && next
                .lease
                .is_some_and(|lease| Some(lease.owner) == self.processes[number].owner && lease.beat == 0);
        if is_claim && self.setting.mutation == Some(Mutation::DropTheIntent) {
            next.intent = None;
        }
        if fault == Some(Fault::StoreFails) {
            return Input::SwapFailed;
        }
        let before = self.store.ledger.clone();
        match self.store.compare_and_swap(task.version, &next) {
            Written::Swapped => {}
            Written::Conflict => return Input::Conflict,
            Written::Failed => return Input::SwapFailed,
        }
        if let Some(before) = before {
            self.check_swap(task, &before, &next);
            if is_claim {
                self.check_claim(number, &before, &next);
            }
        }
        if is_claim {
            let token = number_of(current_token(&next).expect("a claim is for a refresh token"));
            task.claim = Some(Claim { fence: next.fence, token, generation: next.generation });
        }
        task.knows_refused |= next.state != State::Active;
        if fault == Some(Fault::AcknowledgementIsLost) {
            // Neither did the load get through that could have told.
            return Input::SwapFailed;
        }
        task.version = self.store.version;
        Input::Swapped
    }

    /// The request reaches the server, or not; and so does the answer.
    fn deliver(&mut self, number: usize, task: &mut Task, token: usize, fault: Option<Fault>) -> Doing {
        let unanswered = Answer::Unanswered { class: FailureClass::TimedOut, begun: false };
        let cut_off = Answer::Unanswered { class: FailureClass::TimedOut, begun: true };
        let by = self.processes[number].owner;
        if fault != Some(Fault::NotSent) {
            self.check_departure(task, token);
        }
        // Nobody can know of a request whose sender slept before it left (R7).
        if fault != Some(Fault::NotSent) && !task.overslept {
            self.last_request = Some(self.now);
            self.departed.retain(|departed| departed.token != token);
            self.departed.push(Departed { token, at: self.now, by, answered: false, abandoned: false });
        }
        let failed = |class, settles| Answer::Failed { class, settles, concerns: None, retry_after: None };
        let answer = match fault {
            Some(Fault::NotSent) => Answer::NotSent { class: FailureClass::Unreachable },
            Some(Fault::RequestIsLost) => unanswered,
            Some(Fault::ServerErrsEarly) => failed(FailureClass::ServerFailed, true),
            Some(Fault::Throttled) => failed(FailureClass::Throttled, true),
            Some(Fault::Refused) => Answer::Refused { class: FailureClass::Refused },
            _ => {
                let answer = self.present(task, token, fault);
                match fault {
                    Some(Fault::AnswerIsLost) => unanswered,
                    Some(Fault::AnswerIsCutOff) => cut_off,
                    Some(Fault::ServerErrsLate) => failed(FailureClass::ServerFailed, false),
                    _ => answer,
                }
            }
        };
        if !matches!(answer, Answer::Unanswered { begun: false, .. }) {
            let sent = self.departed.iter_mut().filter(|departed| departed.token == token);
            sent.for_each(|departed| departed.answered = true);
        }
        let delay = if let Some(Fault::Slow(delay)) = fault { delay } else { Duration::ZERO };
        Doing::Travelling { answer, until: self.now + delay, beat_at: self.now + BEAT }
    }

    fn present(&mut self, task: &mut Task, token: usize, fault: Option<Fault>) -> Answer {
        self.check_presentation(task, token);
        task.presented.push(token);
        self.tally.exchanges += 1;
        match self.server.present(token, self.now) {
            Verdict::Refused => Answer::InvalidGrant,
            Verdict::Rotated(successor) | Verdict::Repeated(successor) => {
                let refresh = Some(refresh_token(successor));
                match fault {
                    // The server has issued a token that is not to our taste.
                    Some(Fault::AnswerIsBlemished) => {
                        let issued = Err(FailureClass::InvalidResponse);
                        Answer::Granted(Received { refresh, issued, stranger: false })
                    }
                    _ => Answer::Granted(Received { refresh, issued: Ok(self.issue()), stranger: false }),
                }
            }
        }
    }

    /// The answer arrives at the process that waits for it.
    fn take(&mut self, number: usize, task: &mut Task, answer: Answer) -> Input {
        if let Answer::Granted(received) = &answer {
            task.received = received.refresh.map(number_of);
            if self.setting.mutation == Some(Mutation::PublishBeforePersisting) {
                self.check_published(task);
                let epoch = self.store.ledger.as_ref().map(|ledger| ledger.epoch);
                let issued = received.issued.iter();
                epoch
                    .into_iter()
                    .zip(issued)
                    .for_each(|(epoch, issued)| self.processes[number].show(epoch, issued));
            }
        }
        Input::Answer(answer)
    }

    pub(super) fn beat(&mut self, number: usize) {
        let Some(mut task) = self.processes[number].task.take() else { return };
        self.beat_now(&mut task);
        if let Doing::Travelling { beat_at, .. } = &mut task.doing {
            *beat_at += BEAT;
        }
        self.processes[number].task = Some(task);
    }

    fn beat_now(&mut self, task: &mut Task) {
        let next = task.attempt.beat().filter(|_| self.setting.mutation != Some(Mutation::ForgetToBeat));
        let Some(next) = next else { return };
        match self.store.compare_and_swap(task.version, &next) {
            Written::Swapped => {
                task.version = self.store.version;
                task.attempt.beaten(next, self.now);
            }
            // Nobody can tell a heart that does not reach the store from one that has stopped.
            Written::Failed => task.slept = true,
            Written::Conflict => {}
        }
    }

    fn publish(&mut self, number: usize, task: &Task) {
        self.check_published(task);
        let Some(ledger) = task.attempt.ledger() else { return };
        let process = &mut self.processes[number];
        if let Some(issued) = ledger.access.get(&token_key()) {
            process.show(ledger.epoch, issued);
        }
        if !process.memory.as_ref().is_some_and(|memory| memory.is_newer_than(ledger)) {
            process.memory = Some(ledger.clone());
        }
    }

    /// Leaves behind what the next caller needs to know.
    fn conclude(&mut self, number: usize, task: Task, outcome: Outcome) {
        self.check_outcome(number, &task, &outcome);
        self.store.holder = self.store.holder.filter(|holder| *holder != number);
        let (now, moment) = (self.now, self.moment());
        // Whoever could not say how its request ended is as good as dead to everybody else.
        let lease = self.store.ledger.as_ref().and_then(|ledger| ledger.lease);
        if lease.is_some_and(|lease| Some(lease.owner) == self.processes[number].owner) {
            self.abandon(number);
        }
        let process = &mut self.processes[number];
        process.watched = task.attempt.watched;
        let reload = now + Duration::from_secs(1);
        match outcome {
            Outcome::Current | Outcome::Refreshed => {}
            Outcome::Content | Outcome::Superseded => {
                process.not_before = now + self.setting.poll.max(Duration::from_millis(250));
            }
            Outcome::Unsettled(wait) => process.fail_until(now + wait.min(Duration::from_secs(1))),
            Outcome::Deferred => process.not_before = mandatory_at(process).unwrap_or(reload),
            Outcome::BackingOff(failure) => process.fail_until(now + failure.remaining(moment)),
            Outcome::Failed => {
                let failure = task.attempt.ledger().and_then(|ledger| ledger.failure);
                let wait = failure.map_or(Duration::ZERO, |failure| failure.remaining(moment));
                process.fail_until((now + wait).max(reload));
            }
            Outcome::LoginRequired(_) | Outcome::StorageFailed => process.fail_until(reload),
            Outcome::Busy => process.fail_until(now),
        }
    }
}

impl Process {
    fn fail_until(&mut self, until: Duration) {
        (self.not_before, self.failed_until) = (until, until);
    }
}

fn mandatory_at(process: &Process) -> Option<Duration> {
    process.current.as_ref().map(|(_, issued)| issued.obtained_at.boot + issued.mandatory_after)
}
