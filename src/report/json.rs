//! Events for machines: one JSON object a line.

use std::borrow::Cow;
use std::io::Write;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::report::{Event, Progress, Reporter, Unit};

/// Writes each event as a line. Progress is thinned out: a line when a tenth of the whole is gone, or of the unknown each 64 MiB.
#[derive(Debug)]
pub struct JsonReporter<W> {
    state: Mutex<State<W>>,
}

#[derive(Debug)]
struct State<W> {
    out: W,
    last: Option<(Cow<'static, str>, u64)>,
}

impl<W: Write + Send> JsonReporter<W> {
    /// A reporter that writes to `out`.
    pub fn new(out: W) -> Self {
        Self { state: Mutex::new(State { out, last: None }) }
    }

    /// Writes an object that is not an event of an operation, such as a command's result.
    pub fn line(&self, value: &Value) {
        if let Ok(mut state) = self.state.lock() {
            state.line(value);
        }
    }
}

impl<W: Write> State<W> {
    /// A reader that went away is no reason to stop.
    fn line(&mut self, value: &Value) {
        let _ = writeln!(self.out, "{value}").and_then(|()| self.out.flush());
    }

    fn progress(&mut self, progress: &Progress) {
        let stride = progress.total.map_or(64 << 20, |total| total.div_ceil(10)).max(1);
        let mark = (progress.doing.clone(), progress.done / stride);
        if self.last.as_ref() == Some(&mark) {
            return;
        }
        self.last = Some(mark);
        let unit = match progress.unit {
            Unit::Bytes => "bytes",
            Unit::Seconds => "seconds",
            Unit::Items => "items",
        };
        self.line(&json!({"event": "progress", "doing": progress.doing, "done": progress.done,
            "total": progress.total, "unit": unit}));
    }
}

impl<W: Write + Send> Reporter for JsonReporter<W> {
    fn report(&self, event: &Event<'_>) {
        let Ok(mut state) = self.state.lock() else { return };
        let value = match event {
            Event::Progress(progress) => return state.progress(progress),
            Event::Planned { operation, plan } => {
                json!({"event": "planned", "operation": operation, "plan": plan})
            }
            Event::StepStarted { number, total, step } => {
                json!({"event": "step-started", "number": number, "total": total, "step": step, "text": step.to_string()})
            }
            Event::Paused { number, total, step } => {
                json!({"event": "paused", "number": number, "total": total, "step": step, "text": step.to_string()})
            }
            Event::StepFinished { step, took, note } => {
                json!({"event": "step-finished", "text": step.to_string(), "seconds": took.as_secs_f64(), "note": note})
            }
            Event::StepFailed { step, fault } => {
                json!({"event": "step-failed", "text": step.to_string(), "fault": fault})
            }
            Event::GoingBack { fault, steps } => {
                json!({"event": "going-back", "fault": fault, "steps": steps})
            }
            Event::Warning(text) => json!({"event": "warning", "text": text}),
            Event::Note(text) => json!({"event": "note", "text": text}),
        };
        state.last = None;
        state.line(&value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_thinned_out_and_every_line_is_an_object() {
        let reporter = JsonReporter::new(Vec::new());
        for done in 0..=1000 {
            reporter.report(&Event::Progress(Progress {
                doing: "downloading".into(),
                done,
                total: Some(1000),
                unit: Unit::Items,
            }));
        }
        reporter.report(&Event::Warning("disk \"nearly\" full"));
        let state = reporter.state.into_inner().unwrap();
        let text = String::from_utf8(state.out).unwrap();
        let values: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(values.len(), 12);
        assert_eq!(values[11]["text"], "disk \"nearly\" full");
        assert_eq!(values[10]["done"], 1000);
    }
}
