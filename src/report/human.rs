//! Events for people: one line a step, with a progress line under it at a terminal.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::error::Fault;
use crate::report::quantity;
use crate::report::{Event, Progress, Reporter, Unit};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const CAREFUL: Style = AnsiColor::Yellow.on_default();
const FAINT: Style = Style::new().dimmed();

/// Whether a progress line can be redrawn in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redraw {
    /// At a terminal.
    InPlace,
    /// In a file or a pipe: long steps say now and then that they live.
    Lines,
}

/// Renders events as text. Colours are written as ANSI sequences; the writer strips them where they are not wanted.
pub struct HumanReporter<W> {
    state: Mutex<State<W>>,
}

struct State<W> {
    out: W,
    bar: Option<ProgressBar>,
    redraw: Redraw,
    spoke: Instant,
}

/// How long a step may stay silent where nothing can be redrawn.
const SILENCE: Duration = Duration::from_secs(10);

impl<W: Write + Send> HumanReporter<W> {
    /// A reporter that writes to `out`.
    pub fn new(out: W, redraw: Redraw) -> Self {
        Self { state: Mutex::new(State { out, bar: None, redraw, spoke: Instant::now() }) }
    }
}

impl<W: Write> State<W> {
    /// A terminal that went away is no reason to stop.
    fn line(&mut self, text: &str) {
        self.clear();
        let _ = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
        self.spoke = Instant::now();
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn progress(&mut self, progress: &Progress) {
        match self.redraw {
            Redraw::InPlace => self.draw(progress),
            Redraw::Lines if self.spoke.elapsed() >= SILENCE => {
                let text = format!("      {FAINT}{}{FAINT:#}", in_words(progress));
                self.line(&text);
            }
            Redraw::Lines => {}
        }
    }

    fn draw(&mut self, progress: &Progress) {
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(progress.total, ProgressDrawTarget::stderr_with_hz(8));
            let style = ProgressStyle::with_template(template(progress));
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        if let Some(total) = progress.total {
            bar.set_length(total);
        }
        bar.set_message(progress.doing.clone());
        bar.set_position(progress.done);
    }
}

fn template(progress: &Progress) -> &'static str {
    match (progress.unit, progress.total) {
        (Unit::Bytes, Some(_)) => {
            "      {msg} {bar:30} {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}  {eta} left"
        }
        (Unit::Bytes, None) => "      {msg} {binary_bytes}  {binary_bytes_per_sec}  {elapsed}",
        (Unit::Seconds, _) => "      {msg} {pos}/{len} s",
        (Unit::Items, Some(_)) => "      {msg} {bar:30} {pos}/{len}  {elapsed}",
        (Unit::Items, None) => "      {msg} {pos}  {elapsed}",
    }
}

fn in_words(progress: &Progress) -> String {
    let amount = |number| match progress.unit {
        Unit::Bytes => quantity::bytes(number),
        Unit::Seconds => format!("{number} s"),
        Unit::Items => quantity::count(number),
    };
    match progress.total {
        Some(total) => format!("{} {} of {}", progress.doing, amount(progress.done), amount(total)),
        None => format!("{} {}", progress.doing, amount(progress.done)),
    }
}

impl<W: Write + Send> Reporter for HumanReporter<W> {
    fn report(&self, event: &Event<'_>) {
        let Ok(mut state) = self.state.lock() else { return };
        match event {
            Event::Progress(progress) => state.progress(progress),
            Event::Planned { operation, plan } => {
                state.line(&format!("{FAINT}operation {operation}, {} steps{FAINT:#}", plan.steps.len()));
            }
            Event::StepStarted { number, total, step } => state.line(&format!("[{number}/{total}] {step}")),
            Event::Paused { number, total, step } => {
                state.line(&format!("[{number}/{total}] {CAREFUL}{step}{CAREFUL:#}"));
            }
            Event::StepFinished { took, note, .. } => {
                let took = quantity::duration(*took);
                let note = note.map(|note| format!("  {note}")).unwrap_or_default();
                state.line(&format!("      {GOOD}done{GOOD:#} {FAINT}{took}{FAINT:#}{note}"));
            }
            Event::StepFailed { fault, .. } => {
                state.line(&format!("      {BAD}failed{BAD:#} {fault}"));
            }
            Event::GoingBack { steps, .. } => {
                state.line(&format!("{CAREFUL}going back, in {steps} steps{CAREFUL:#}"));
            }
            Event::Warning(text) => state.line(&format!("{CAREFUL}warning:{CAREFUL:#} {text}")),
            // A block has its own shape.
            Event::Note(text) if text.contains('\n') => state.line(text),
            Event::Note(text) => state.line(&format!("      {text}")),
        }
    }
}

/// A fault as it is printed when a command ends.
pub fn fault(fault: &Fault) -> String {
    let mut text = format!("{BAD}error:{BAD:#} {}", fault.what);
    for cause in &fault.causes {
        let _ = write!(text, "\n{CAREFUL}caused by:{CAREFUL:#} {cause}");
    }
    for line in &fault.evidence {
        let _ = write!(text, "\n    {FAINT}|{FAINT:#} {line}");
    }
    for hint in &fault.hints {
        let _ = write!(text, "\n{GOOD}hint:{GOOD:#} {hint}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_step_in_a_pipe_says_nothing_at_first_and_faults_show_everything() {
        let reporter = HumanReporter::new(Vec::new(), Redraw::Lines);
        let progress =
            Progress { doing: "reading".into(), done: 5 << 20, total: Some(10 << 20), unit: Unit::Bytes };
        reporter.report(&Event::Progress(progress.clone()));
        reporter.report(&Event::Note("noted"));
        let text = String::from_utf8(reporter.state.into_inner().unwrap().out).unwrap();
        assert_eq!(text, "      noted\n");
        assert_eq!(in_words(&progress), "reading 5.00 MiB of 10.0 MiB");
        let shown = fault(&Fault::new("a").hint("b").evidence(["c".to_owned()]).within("outer"));
        let plain = anstream::adapter::strip_str(&shown).to_string();
        assert_eq!(plain, "error: outer\ncaused by: a\n    | c\nhint: b");
    }
}
