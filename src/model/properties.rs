//! Texts that name something: versions, ids, images, databases, lengths of time. What is written reads back.

use std::cmp::Ordering;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;

use super::backup_id::BackupId;
use super::compose_model::{ComposeModel, parse_go_duration};
use super::database_name::{DatabaseMark, DatabaseName, DatabasePurpose};
use super::dump_header::{DumpHeader, HEAD_BYTES};
use super::image_ref::ImageRef;
use super::operation::OperationId;
use super::pg_tools::ToolVersion;
use super::release::Version;
use super::{dump_roles, sql};
use crate::nearly_right;

const DUMP: &[u8] = include_bytes!("../../tests/fixtures/empty-15.dump");
const SHA: &str = "sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1";

fn version() -> impl Strategy<Value = Version> {
    let text = "v?[0-3](\\.[0-3]){0,3}(-(rc|[0-2])(\\.[0-2])?)?|latest|[0-9]{30}";
    text.prop_map(|text| Version::parse(&text).unwrap())
}

fn image() -> impl Strategy<Value = String> {
    let registry = prop::option::of(select(vec![
        "docker.io",
        "index.docker.io",
        "localhost",
        "a.b",
        "h:5000",
        "[::1]:5000",
        "Host",
    ]));
    let hex = SHA.trim_start_matches("sha256:");
    let part = || select(vec!["library", "a", "b-c", "a.b", "localhost", "x__y", "sha256", hex, "docker.io"]);
    let suffix = select(vec!["", ":1.0", ":_T", "@sha256:", ":1@sha256:"]);
    (registry, prop::collection::vec(part(), 1..4), suffix).prop_map(move |(registry, parts, suffix)| {
        let name = registry.into_iter().chain(parts).collect::<Vec<_>>().join("/");
        let digest = if suffix.ends_with("sha256:") { hex } else { "" };
        format!("{name}{suffix}{digest}")
    })
}

/// As Go prints a duration of at least a second.
fn in_go_s_words(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let fraction = format!("{:09}", time.subsec_nanos());
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    match (hours, minutes) {
        (0, 0) => format!("{seconds}{point}{fraction}s"),
        (0, _) => format!("{minutes}m{}{point}{fraction}s", seconds % 60),
        _ => format!("{hours}h{minutes}m{}{point}{fraction}s", seconds % 60),
    }
}

proptest! {
    #[test]
    fn releases_have_one_order(a in version(), b in version(), c in version()) {
        prop_assert_eq!(a.order(&b), b.order(&a).map(Ordering::reverse));
        prop_assert_eq!(a.order(&a), Some(Ordering::Equal));
        if let (Some(first), Some(second)) = (a.order(&b), b.order(&c))
            && first == second
        {
            prop_assert_eq!(a.order(&c), Some(first));
        }
    }

    #[test]
    fn any_text_is_a_version_an_id_or_neither(text in "[0-9a-z.:/-]{0,20}|\\PC{0,20}") {
        if let Ok(version) = Version::parse(&text) {
            prop_assert_eq!(version.as_str(), &text);
            version.order(&Version::parse("1").unwrap());
        }
        if let Ok(id) = text.parse::<BackupId>() {
            prop_assert_eq!(id.to_string(), text.clone());
            prop_assert_eq!(BackupId::from_file_name(&id.file_name()), Some(id));
        }
        // Identifiers become the names of directories: also one that was read may not lead elsewhere.
        let read = serde_json::from_value::<OperationId>(serde_json::json!(text)).ok();
        prop_assert_eq!(read, OperationId::parse(&text));
        ToolVersion::parse(&format!("pg_dump (PostgreSQL) {text}"));
        DatabaseMark::from_comment(&format!("opsctl: {text}"));
    }

    #[test]
    fn an_image_is_shown_so_that_it_reads_as_the_same(text in image()) {
        let Ok(reference) = text.parse::<ImageRef>() else { return Ok(()) };
        let shown = reference.to_string();
        prop_assert_eq!(shown.parse::<ImageRef>(), Ok(reference.clone()), "{}", shown);
        let tagged = reference.with_tag("1".parse().unwrap());
        prop_assert_eq!(tagged.to_string().parse::<ImageRef>(), Ok(tagged));
        let pinned = reference.with_digest(SHA.parse().unwrap());
        let known = pinned.repo_digest().unwrap().parse::<ImageRef>().unwrap();
        prop_assert!(known.same_repository(&reference) && known.digest() == pinned.digest());
    }

    #[test]
    fn any_text_is_an_image_or_refused(text in "[a-zA-Z0-9.:/@_\\[\\]-]{0,24}|\\PC{0,24}") {
        if let Ok(reference) = text.parse::<ImageRef>() {
            prop_assert_eq!(reference.to_string().parse::<ImageRef>(), Ok(reference));
        }
    }

    #[test]
    fn made_names_of_two_databases_stay_apart(
        one in "[a-b]{1,3}(__opsctl_|_side_1|é){0,3}|[é]{28,31}[ab]", other in "[a-b]{1,3}(__opsctl_|_side_1|é){0,3}|[é]{28,31}[ab]",
        stamp in "[0-9a-z-]{1,16}",
    ) {
        prop_assume!(one != other);
        let (one, other) = (DatabaseName::new(one), DatabaseName::new(other));
        for purpose in [DatabasePurpose::Side, DatabasePurpose::RestorePoint, DatabasePurpose::Failed] {
            let made = one.made(purpose, &stamp);
            prop_assert!(made.as_str().len() <= 63 && made.is_made());
            prop_assert_ne!(&made, &other.made(purpose, &stamp));
            prop_assert_eq!(made.made_from(&other), None);
        }
    }

    #[test]
    fn go_s_lengths_of_time_are_read_exactly(
        time in (1..9_000_000_000_u64, 0..1_000_000_000_u32)
            .prop_map(|(seconds, nanoseconds)| Duration::new(seconds, nanoseconds)),
    ) {
        prop_assert_eq!(parse_go_duration(&in_go_s_words(time)), Ok(time));
    }

    #[test]
    fn any_text_is_a_length_of_time_or_refused(text in "([0-9.]{0,20}(h|m|s|ms|us|µs|ns|x)?){0,3}|\\PC{0,9}") {
        if let Err(error) = parse_go_duration(&text) {
            prop_assert!(error.to_string().contains("1m30s"));
        }
    }

    #[test]
    fn the_head_of_a_dump_is_read_or_refused(head in nearly_right::bytes(DUMP[..200].to_vec())) {
        if let Ok(header) = DumpHeader::parse(&head) {
            header.server_major();
            let longer = [&head[..], &[0xff; HEAD_BYTES]].concat();
            prop_assert_eq!(DumpHeader::parse(&longer), Ok(header));
        }
    }

    #[test]
    fn what_pg_restore_prints_is_searched_for_roles(
        script in "(ALTER TABLE a OWNER TO |GRANT ALL ON b TO |REVOKE |CREATE FUNCTION f|AS | FROM |\"|\\$|_|x|é|;|\n){0,20}",
    ) {
        for role in dump_roles::roles_in_dump(&script) {
            prop_assert!(script.contains(role.split('"').next().unwrap_or_default()));
        }
    }

    #[test]
    fn settings_of_a_database_become_one_clause(setting in "(search_path|a|=|\"|'|\\\\|,| |é|;){0,12}") {
        let clause = sql::set_clause(&setting);
        prop_assert_eq!(clause.is_some(), setting.contains('='));
        let Some(clause) = clause else { return Ok(()) };
        let name = sql::identifier(setting.split('=').next().unwrap_or_default());
        let values = clause.strip_prefix(&format!("SET {name} TO ")).unwrap_or_default();
        // Within literals quotes pair up, and nothing of the setting stands outside of them.
        let bare = values.replace("\\\\", "");
        prop_assert_eq!(bare.matches('\'').count() % 2, 0, "{}", clause);
        let outside: String = bare.split('\'').step_by(2).collect();
        prop_assert!(outside.chars().all(|char| ", E".contains(char)), "{}", clause);
    }

    #[test]
    fn a_compose_model_of_nearly_the_right_shape_is_read_or_refused_without_its_secrets(
        model in nearly_right::document(serde_json::json!({
            "name": "shop",
            "services": { "api": {
                "image": "team/shop:1", "environment": { "TOKEN": "s3cr3t-not-real", "WORKERS": 4 },
                "ports": [{ "target": 80, "published": "1-2", "host_ip": "::1", "protocol": "tcp" }],
                "volumes": [{ "type": "volume", "source": "data", "target": "/data", "read_only": true }],
                "networks": { "default": null }, "depends_on": { "db": { "condition": "service_healthy" } },
                "healthcheck": { "test": ["CMD", "true"] }, "stop_grace_period": "1m30s", "restart": "always:1",
                "profiles": ["web"], "deploy": { "replicas": 2 }, "network_mode": "service:db",
                "env_file": [{ "path": ".env" }, "x.env"]
            } },
            "networks": { "default": { "name": "shop_default", "external": false } },
            "volumes": { "data": null }
        })),
    ) {
        match ComposeModel::from_json(model.to_string().as_bytes()) {
            Ok(read) => {
                prop_assert_eq!(read.project.as_str(), model["name"].as_str().unwrap());
                let shown = format!("{read:?}");
                prop_assert!(!shown.contains("s3cr3t"), "{}", shown);
            }
            Err(error) => {
                let said = error.to_string();
                prop_assert!(said.contains("line") || said.contains("service \"api\""), "{}", said);
                prop_assert!(!said.contains("s3cr3t"));
            }
        }
    }
}
