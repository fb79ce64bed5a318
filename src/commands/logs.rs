//! `opsctl logs stats`: what logs tell in numbers. Nothing is changed.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde_json::json;

use crate::adapters::compose_services::ComposeServices;
use crate::adapters::docker::LogLimits;
use crate::adapters::process_services::{ProcessLog, ends};
use crate::adapters::systemd::journal::{self, Entry, Wanted};
use crate::cli::{LogsStats, Moment};
use crate::commands::context::{Context, Outcome};
use crate::commands::embedded::Embedded;
use crate::commands::install::Install;
use crate::commands::place::Place;
use crate::commands::site::Opened;
use crate::commands::{live, show};
use crate::error::{Failure, Fault};
use crate::journal::state_dir;
use crate::logs::{Counter, Span, Stats};
use crate::model::operation::{OperationId, OperationKind};
use crate::ports::Services as _;
use crate::profile::{KnownLogs, Logs, Role, ServiceName, UnitName};
use crate::report::quantity;

/// How much of a container's log, or of a journal, is read: its end.
const MOST_OF_LOG: usize = 64 << 20;

/// How much later than it was made a line may be in the journal.
const JOURNAL_DELAY: SignedDuration = SignedDuration::from_mins(1);

/// A longer line is no line of a log; its end is passed over.
const MOST_OF_LINE: u64 = 1 << 20;

/// Counts what the logs of an install, or files, tell.
pub async fn stats(context: &Context, asked: LogsStats) -> Result<Outcome, Failure> {
    let now = jiff::Timestamp::now();
    let seen = |moment: Moment| moment.seen_from(now);
    let span = Span { since: asked.since.map(seen), until: asked.until.map(seen) };
    let (stats, sources) = if asked.file.is_empty() {
        of_services(context, &asked, span).await?
    } else {
        let logs = described(context, &asked)?;
        let mut counter = Counter::new(&logs, asked.per, span);
        for file in &asked.file {
            of_file(&context.surroundings.directory, file, &mut counter)?;
        }
        let name = |file: &PathBuf| file.display().to_string();
        (counter.finish(), asked.file.iter().map(name).collect())
    };
    if stats.lines.counted == 0 && stats.lines.not_json > 0 {
        let lines = quantity::counted(stats.lines.not_json, "line is", "lines are");
        return Err(Fault::new(format!("nothing was counted: {lines} no JSON"))
            .hint("only logs of one JSON object a line can be counted")
            .into());
    }
    let mut data = json!(stats);
    data["sources"] = json!(sources);
    if !asked.series {
        data["series"].take();
    }
    Ok(Outcome::new(text(&stats, &sources, asked.series), data))
}

/// How files are read: as is asked for, else as the install says that the working directory belongs to, if there is one.
fn described(context: &Context, asked: &LogsStats) -> Result<Logs, Failure> {
    if let Some(product) = asked.product {
        return Ok(product.logs());
    }
    let Ok(place) = Place::find(context) else { return Ok(Logs::default()) };
    if let Some(profile) = Embedded::described(&place)? {
        return Ok(profile.logs);
    }
    Ok(crate::commands::install::described(&place)?.map(|profile| profile.logs).unwrap_or_default())
}

async fn of_services(
    context: &Context,
    asked: &LogsStats,
    span: Span,
) -> Result<(Stats, Vec<String>), Failure> {
    let operation = OperationId::new(jiff::Timestamp::now(), OperationKind::Backup);
    let install = match Opened::open(context, Place::find(context)?).await? {
        Opened::Compose(install) => install,
        Opened::Embedded(site) => return of_process(context, asked, span, &site, &operation).await,
    };
    let logs = asked.product.map_or_else(|| install.profile.logs.clone(), KnownLogs::logs);
    let services = live::services(context, &install, &operation)?;
    let mut counter = Counter::new(&logs, asked.per, span);
    let limits = LogLimits { lines: u32::MAX, bytes: MOST_OF_LOG, since: span.since };
    let mut sources = Vec::new();
    for service in those(&install, &asked.services)? {
        if !whole_log_of(&install, &services, &service, limits, &mut counter).await? {
            let most = quantity::bytes(MOST_OF_LOG as u64);
            context.warn(format!("the log of {service} is longer than {most}: only its end was read"));
        }
        sources.push(service.to_string());
    }
    Ok((counter.finish(), sources))
}

/// Counts the logs of a service's containers, of each the end where it is too long, and says whether those were all.
pub(super) async fn whole_log_of(
    install: &Install,
    services: &ComposeServices,
    service: &ServiceName,
    limits: LogLimits,
    counter: &mut Counter<'_>,
) -> Result<bool, Fault> {
    let mut whole = true;
    for instance in services.instances(service).await? {
        let id = instance.id.parse().map_err(|_| Fault::new(format!("{service} has no container")))?;
        let log = install.engine.logs(&id, limits).await;
        let log =
            log.map_err(|error| Fault::caused_by(format!("cannot read the log of {service}"), &error))?;
        log.lines.iter().for_each(|line| counter.line(line.text.as_bytes()));
        whole &= !log.shortened;
    }
    Ok(whole)
}

/// The services that are named; else all that serve or work, and are there.
pub(super) fn those(install: &Install, named: &[ServiceName]) -> Result<Vec<ServiceName>, Failure> {
    let known = &install.profile.services;
    no_other(named, known.keys())?;
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    let serves = |role: &Role| matches!(role, Role::Api | Role::Worker);
    let serving = known.iter().filter(|(_, service)| serves(&service.role)).map(|(name, _)| name);
    Ok(serving.filter(|name| install.is_there(name)).cloned().collect())
}

fn no_other<'a>(
    named: &[ServiceName],
    known: impl Iterator<Item = &'a ServiceName> + Clone,
) -> Result<(), Failure> {
    let Some(unknown) = named.iter().find(|name| !known.clone().any(|known| known == *name)) else {
        return Ok(());
    };
    let all: Vec<String> = known.map(ToString::to_string).collect();
    let there = if all.len() == 1 { "there is" } else { "there are" };
    Err(Failure::usage(
        Fault::new(format!("there is no service {unknown}")).hint(format!("{there} {}", all.join(", "))),
    ))
}

/// The log of a process is a file, or in the journal.
async fn of_process(
    context: &Context,
    asked: &LogsStats,
    span: Span,
    site: &Embedded,
    operation: &OperationId,
) -> Result<(Stats, Vec<String>), Failure> {
    let service = &site.profile.service.name;
    no_other(&asked.services, std::iter::once(service))?;
    let logs = asked.product.map_or_else(|| site.profile.logs.clone(), KnownLogs::logs);
    let mut counter = Counter::new(&logs, asked.per, span);
    match site.services(operation)?.log_of(service.as_str()) {
        ProcessLog::File(file) => {
            is_readable(&file, service)?;
            for (file, _) in ends(&file, u64::MAX) {
                of_file(&site.place.dir, &file, &mut counter)?;
            }
        }
        ProcessLog::Journal(unit) => {
            if !of_journal(&unit, span, MOST_OF_LOG, &mut counter).await? {
                context.warn(format!("the journal of {unit} is too long to be read: only its end was"));
            }
        }
    }
    Ok((counter.finish(), vec![service.to_string()]))
}

/// Counts the last bytes of what a unit's processes wrote into the journal, and says whether those were all.
pub(super) async fn of_journal(
    unit: &UnitName,
    span: Span,
    most: usize,
    counter: &mut Counter<'_>,
) -> Result<bool, Fault> {
    // A line says when it was made, which is a little before the journal has it.
    let until = span.until.and_then(|until| until.checked_add(JOURNAL_DELAY).ok());
    let wanted = Wanted { lines: usize::MAX, bytes: most, since: span.since, until };
    let end = journal::end(unit, wanted).await?;
    end.entries.iter().filter_map(Entry::own).for_each(|line| counter.line(line.as_bytes()));
    Ok(!end.shortened)
}

fn is_readable(log: &Path, service: &ServiceName) -> Result<(), Fault> {
    let Err(error) = std::fs::metadata(log) else { return Ok(()) };
    Err(if error.kind() == io::ErrorKind::NotFound {
        Fault::new(format!("there is no log of {service}: {} is not there", log.display()))
            .hint("was it ever started? `opsctl status`")
    } else {
        state_dir::unreadable(log, "the log cannot be read", &error)
    })
}

fn of_file(directory: &Path, file: &Path, counter: &mut Counter<'_>) -> Result<(), Failure> {
    let read = if file == Path::new("-") {
        each_line(io::stdin().lock(), |line| counter.line(line))
    } else {
        File::open(directory.join(file))
            .and_then(|opened| each_line(BufReader::new(opened), |line| counter.line(line)))
    };
    read.map_err(|error| Fault::caused_by(format!("cannot read {}", file.display()), &error).into())
}

/// Counts the last bytes of a log, from the beginning of a line on, and says whether those were all.
pub(super) fn end_of_file(file: &Path, most: u64, counter: &mut Counter<'_>) -> Result<bool, Failure> {
    let mut read = || {
        let mut opened = File::open(file)?;
        let size = opened.metadata()?.len();
        opened.seek(SeekFrom::Start(size.saturating_sub(most)))?;
        let mut log = BufReader::new(opened);
        if size > most {
            log.skip_until(b'\n')?;
        }
        each_line(log, |line| counter.line(line))?;
        Ok(size <= most)
    };
    read().map_err(|error: io::Error| {
        Fault::caused_by(format!("cannot read {}", file.display()), &error).into()
    })
}

fn each_line(mut log: impl BufRead, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut log).take(MOST_OF_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.len() as u64 == MOST_OF_LINE && !line.ends_with(b"\n") {
            log.skip_until(b'\n')?;
        }
        take(&line);
    }
}

fn text(stats: &Stats, sources: &[String], series: bool) -> String {
    let mut text = format!("{}: {}", sources.join(", "), span(stats));
    let left_out = [
        (stats.lines.outside, "outside of the time asked for"),
        (stats.lines.without_time, "counted without a time"),
        (stats.lines.not_json, "no JSON"),
    ];
    for (lines, what) in left_out.into_iter().filter(|(lines, _)| *lines > 0) {
        let _ = write!(text, ", {} {what}", quantity::count(lines));
    }
    let _ = write!(text, "\n\n{}", metrics(stats));
    if series {
        let _ = write!(text, "\n\n{}", windows(stats));
    }
    for metric in &stats.metrics {
        if let (Some(note), true) = (&metric.note, metric.count > 0) {
            let _ = write!(text, "\n\n{}: {note}", metric.name);
        }
    }
    text
}

fn span(stats: &Stats) -> String {
    let lines = quantity::counted(stats.lines.counted, "line", "lines");
    match stats.from.zip(stats.to) {
        Some((from, to)) => format!("{lines} from {} to {}", moment(from), moment(to)),
        None => lines,
    }
}

fn metrics(stats: &Stats) -> String {
    let per = stats.per.word();
    let mut table = show::table(["", "count", &format!("per {per}"), &format!("most in a {per}")]);
    for metric in &stats.metrics {
        let mean = metric.mean.map_or_else(|| "-".to_owned(), |mean| format!("{mean:.2}"));
        let most = metric.most.as_ref().map_or_else(
            || "-".to_owned(),
            |most| format!("{} at {}", quantity::count(most.count), moment(most.at)),
        );
        table.add_row([metric.title.clone(), quantity::count(metric.count), mean, most]);
    }
    show::lines(&table)
}

fn windows(stats: &Stats) -> String {
    let header =
        std::iter::once(stats.per.word()).chain(stats.metrics.iter().map(|metric| metric.name.as_str()));
    let mut table = show::table([""]);
    table.set_header(header.collect::<Vec<_>>());
    for window in &stats.series {
        let counts = window.counts.iter().map(|count| quantity::count(*count));
        table.add_row(std::iter::once(moment(window.at)).chain(counts).collect::<Vec<_>>());
    }
    show::lines(&table)
}

fn moment(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
