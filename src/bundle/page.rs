//! A bundle as a page for people: one file that opens from disk, asks nothing of the network, and shows the findings
//! first, then plots, then everything else.
//!
//! What is in a bundle was written by anybody, log lines above all: every text passes through maud, which escapes it, and
//! the page's own policy lets no script and no style in but the two that are known by their hashes. So nothing may have
//! a `style` attribute, and all that is drawn is placed with attributes of SVG, in percent: it fits any width.

mod anchors;
mod checks;
mod containers;
mod database;
mod files;
mod findings;
mod glance;
mod host;
mod operations;
mod plots;
mod rows;
mod shown;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::findings::Finding;
use super::read::Bundle;
use anchors::Anchors;
use shown::Shown;

const STYLE: &str = include_str!("../../templates/bundle/page.css");
const SCRIPT: &str = include_str!("../../templates/bundle/page.js");

/// A part of the page: its anchor, its heading, and what is in it; an empty one is left out.
struct Section {
    id: &'static str,
    heading: &'static str,
    body: Option<Markup>,
}

impl Section {
    fn new(id: &'static str, heading: &'static str, body: Option<Markup>) -> Self {
        Self { id, heading, body }
    }
}

/// The page of a bundle with what was found in it; less than 5 MB, whatever is in the bundle.
pub fn render(bundle: &Bundle, findings: &[Finding]) -> String {
    let shown = Shown::of(bundle, findings);
    let anchors = Anchors::of(&shown);
    let sections = sections(bundle, findings, &anchors, &shown);
    let title = format!("{} {}", glance::title(bundle), bundle.name());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#findings" { "Skip to the findings" }
                (glance::header(bundle, findings))
                div.columns {
                    (contents(&sections))
                    main {
                        @for section in &sections {
                            @if let Some(body) = &section.body {
                                section id=(section.id) aria-labelledby=(format!("{}-heading", section.id)) {
                                    h2 id=(format!("{}-heading", section.id)) { (section.heading) }
                                    (body)
                                }
                            }
                        }
                    }
                }
                (glance::footer(bundle))
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn sections(bundle: &Bundle, findings: &[Finding], anchors: &Anchors<'_>, shown: &Shown<'_>) -> Vec<Section> {
    vec![
        Section::new("findings", "Findings", Some(findings::list(findings, anchors))),
        Section::new("plots", "At a glance", plots::all(bundle)),
        Section::new("containers", containers::heading(bundle), containers::table(bundle, anchors)),
        Section::new("answers", "Answers of the product", containers::answers(bundle)),
        Section::new("database", "Database", database::server(bundle)),
        Section::new("store", "Store", database::store(bundle)),
        Section::new("activity", "Activity in the database", database::activity(bundle)),
        Section::new("migrations", "Migrations", database::migrations(bundle)),
        Section::new("operations", "Operations", operations::operations(bundle, anchors)),
        Section::new("backups", "Backups", operations::backups(bundle)),
        Section::new("host", "Machine", host::machine(bundle)),
        Section::new("environment", "Environment", files::environment(anchors, shown)),
        Section::new("preflight", "Checks", checks::all(bundle)),
        Section::new("logs", "Logs", files::logs(bundle, anchors, shown)),
        Section::new("files", "Everything else in the bundle", files::others(anchors, shown)),
        Section::new("bundle", "How the bundle was made", host::collectors(bundle)),
    ]
}

fn contents(sections: &[Section]) -> Markup {
    html! {
        nav aria-label="Contents" {
            ul {
                @for section in sections.iter().filter(|section| section.body.is_some()) {
                    li { a href=(format!("#{}", section.id)) { (section.heading) } }
                }
            }
        }
    }
}

/// Nothing is loaded, sent, framed or run but the style and the script of this page.
fn policy() -> String {
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}
