//! `--preview`: what would be in a bundle and what was masked in it, from a real collection that is thrown away.

use comfy_table::Cell;
use serde_json::json;

use crate::adapters::bundle_store::Kept;
use crate::bundle::contents::Collected;
use crate::commands::context::Outcome;
use crate::commands::show;
use crate::report::quantity;

use super::scene::Scene;
use super::{environment, told};

pub(super) fn shown(scene: &Scene<'_>, collected: &[Collected], kept: &Kept) -> Outcome {
    // The page comes first, and a file that cannot be read is no reason not to show the rest.
    let page = environment::text(scene)
        .unwrap_or_else(|fault| format!("{}\n", scene.redaction.redact_text(&fault.to_string())));
    let mut table = show::table(["file", "size", "masked"]);
    let (mut bytes, mut masked) = (0, 0);
    for (member, counts) in kept.members.values() {
        bytes += member.size;
        masked += counts.total();
        table.add_row([
            Cell::new(&member.path),
            Cell::new(quantity::bytes(member.size)),
            Cell::new(quantity::count(counts.total())),
        ]);
    }
    for (path, why) in &kept.left_out {
        table.add_row([path.as_str(), "left out", why]);
    }
    let mut text = vec![
        format!("{}, as it would be shown:\n", scene.outlook().env_file().display()),
        page.clone(),
        show::lines(&table),
        String::new(),
    ];
    text.extend(told::trouble(collected));
    text.push(format!(
        "{}, {} before compression, {} masked; nothing was kept",
        quantity::counted(kept.members.len() as u64, "file", "files"),
        quantity::bytes(bytes),
        quantity::counted(masked, "secret or likely secret", "secrets or likely secrets")
    ));
    let members: Vec<_> = kept
        .members
        .values()
        .map(|(member, counts)| json!({"path": member.path, "size_bytes": member.size, "masked": counts}))
        .collect();
    let data = json!({"environment": page, "members": members, "left_out": kept.left_out, "collectors": collected, "masked": masked});
    Outcome::new(text.join("\n"), data)
}
