//! What can be told from a bundle before anybody has it: findings, and the page that shows them.

use std::fs::File;
use std::io::{self, Read as _};

use crate::adapters::bundle_store::{Kept, Store};
use crate::bundle::contents::member;
use crate::bundle::findings::findings;
use crate::bundle::page;
use crate::bundle::read::{Bundle, Content};
use crate::error::Fault;

/// Most bytes of all members together that are looked at: the rest is in the bundle all the same.
const MOST: u64 = 12 << 20;

/// Adds both to the members. They are made from what redaction wrote, and go through it once more: what is put together anew
/// may read as a secret where its parts did not.
pub(super) async fn add(store: &Store, name: &str, kept: &Kept) -> Result<(), Fault> {
    let bundle = read(store, name, kept)
        .map_err(|error| Fault::caused_by("what was collected cannot be read again", &error))?;
    let found = findings(&bundle);
    let mut text = serde_json::to_vec_pretty(&found)
        .map_err(|error| Fault::caused_by("the findings cannot be written as JSON", &error))?;
    text.push(b'\n');
    store.put(member::FINDINGS, text).await?;
    store.put(member::INDEX, page::render(&bundle, &found).into()).await
}

/// Logs come last: of them there can be much, and the last ones may then be looked at only in part.
fn read(store: &Store, name: &str, kept: &Kept) -> io::Result<Bundle> {
    let mut members: Vec<_> = kept.members.values().map(|(member, _)| member).collect();
    members.sort_by_key(|one| (one.path.starts_with(member::LOGS), one.path.as_str()));
    let (mut bundle, mut room) = (Bundle::named(name), MOST);
    for one in members {
        let mut text = Vec::new();
        File::open(store.file(&one.path))?.take(room).read_to_end(&mut text)?;
        room -= text.len() as u64;
        bundle.insert(one.path.clone(), Content::part(&text, one.size, one.sha256.clone()));
    }
    Ok(bundle)
}
