use std::path::PathBuf;
use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::*;

const THIRD_PARTY: &str = r#"
[product]
name = "wiki"
title = "The wiki"

[runtime]
kind = "compose"
files = ["compose.yaml"]

[release]
image = "registry.example.com/wiki"
version_variable = "WIKI_TAG"

[services.web]
role = "api"
port = 8080
health = "/health"

[version]
endpoints = [{ path = "/version" }]

[health]
body = "OK"

[migrate]
service = "web"
command = ["wiki", "db", "upgrade", "${WIKI_DATABASE}?note=$$1"]
timeout = "90s"

[database]
kind = "postgresql"
url_variable = "WIKI_DATABASE"
"#;

fn parse(text: &str) -> Result<Profile, ProfileError> {
    Profile::parse(text, Path::new("opsctl.toml"))
}

fn built_in(name: &str) -> Profile {
    Profile::built_in().into_iter().find(|profile| profile.product.name.as_str() == name).expect("built in")
}

fn names(services: Vec<&ServiceName>) -> Vec<&str> {
    services.into_iter().map(ServiceName::as_str).collect()
}

#[test]
fn the_annotated_description_is_the_one_built_in() {
    assert_eq!(parse(TEMPLATE).unwrap(), built_in("agledger"));
}

/// Serde lists the keys of a section when it refuses one, so that a key that is added and not explained fails here.
#[rstest]
#[case("", "", 18)]
#[case("[product]\n", "[product]\n", 2)]
#[case("[runtime]\n", "[runtime]\n", 7)]
#[case("overlays = [", "[runtime]\nkind = \"compose\"\n[[runtime.overlays]]\n", 2)]
#[case("[logs]\n", "[logs]\n", 4)]
#[case("#[[logs.metrics]]\n", "[[logs.metrics]]\n", 7)]
#[case("[release]\n", "[release]\n", 5)]
#[case("[services.agledger-api]\n", "[services.x]\n", 5)]
#[case("[version]\n", "[version]\n", 1)]
#[case("[version]\n", "[[version.endpoints]]\n", 2)]
#[case("[health]\n", "[health]\n", 6)]
#[case("[migrate]\n", "[migrate]\n", 4)]
#[case("[migrate.applied]\n", "[migrate.applied]\n", 4)]
#[case("[requests]\n", "[requests]\n", 3)]
#[case("[preflight]\n", "[preflight]\n", 2)]
#[case("[scan]\n", "[scan]\n", 10)]
#[case("[reload]\n", "[reload]\n", 3)]
#[case("#[smoke]\n", "[smoke]\n", 4)]
#[case("#[[smoke.steps]]\n", "[[smoke.steps]]\n", 8)]
#[case("[support]\n", "[support]\n", 8)]
#[case("[[support.queues]]\n", "[[support.queues]]\n", 2)]
#[case("[database]\n", "[database]\n", 7)]
#[case("[database.pool]\n", "[database.pool]\n", 2)]
#[case("[database.bundled]\n", "[database.bundled]\n", 2)]
#[case("[[database.exports]]\n", "[[database.exports]]\n", 3)]
#[case("#[[database.freshness]]\n", "[[database.freshness]]\n", 2)]
#[case("[hooks]\n", "[hooks]\n", 4)]
#[case("", "[variables]\n", 2)]
#[case("[[variables.removed]]\n", "[[variables.removed]]\n", 3)]
#[case("[[secrets]]\n", "[[secrets]]\n", 3)]
#[case("[secrets.rotation]\n", "[[secrets]]\n[secrets.rotation]\n", 10)]
#[case("[[variables.replicated]]\n", "[[variables.replicated]]\n", 3)]
fn the_annotated_description_explains_every_key(
    #[case] heading: &str,
    #[case] section: &str,
    #[case] count: usize,
) {
    let error = parse(&format!("{section}zzz = 1\n")).unwrap_err();
    assert!(error.message.starts_with("unknown key `zzz`"), "{error}");
    let keys: Vec<_> = error.hint.split('`').skip(1).step_by(2).collect();
    assert_eq!(keys.len(), count, "{keys:?}");
    let (_, from) = TEMPLATE.split_once(heading).expect("the heading");
    for key in keys {
        let forms = [format!("{key} = "), format!("[{key}]"), format!("[{key}."), format!(".{key}]")];
        assert!(forms.iter().any(|form| from.contains(form)), "`{key}` is not explained below {heading}");
    }
}

#[test]
fn agledger_is_recognised_with_and_without_its_own_database() {
    let services = ["agledger-api", "agledger-migrate", "agledger-worker", "jaeger"];
    assert_eq!(Profile::recognise(&services), Some(built_in("agledger")));
    assert_eq!(Profile::recognise(&[&services[..], &["postgres"]].concat()), Some(built_in("agledger")));
    assert_eq!(
        Profile::recognise(&["ledger-api", "ledger-worker", "ledger-migrate"]),
        Some(built_in("ledger"))
    );
    assert_eq!(Profile::recognise(&services[..2]), None);
    assert_eq!(Profile::recognise(&["postgres"]), None);
}

#[test]
fn agledger_is_described() {
    let profile = built_in("agledger");
    let (name, api) = profile.api();
    assert_eq!((name.as_str(), api.http.as_ref().unwrap().port.get()), ("agledger-api", 3000));
    assert_eq!(names(profile.stop_order()), ["agledger-worker", "agledger-api"]);
    assert_eq!(names(profile.start_order()), ["agledger-api", "agledger-worker"]);
    assert_eq!(profile.release.pin_variable.unwrap().as_str(), "AGLEDGER_IMAGE_PIN");
    let removed: Vec<_> = profile.variables.removed.iter().map(|removed| removed.name.as_str()).collect();
    assert_eq!(removed, ["AGLEDGER_LICENSE_MODE", "AGLEDGER_RELEASE_DATE"]);
}

#[test]
fn a_third_party_product_is_described_without_code() {
    let profile = parse(THIRD_PARTY).unwrap();
    assert_eq!(names(profile.stop_order()), ["web"]);
    assert_eq!(profile.version.endpoints[0].version_in("2.1.0\n").as_deref(), Some("2.1.0"));
    assert!(profile.health.accepts(200, "OK\n"));
    assert!(!profile.health.accepts(200, "starting"));
    assert!(!profile.health.accepts(503, "OK"));
    let migrate = profile.migrate.unwrap();
    assert_eq!(migrate.timeout, Duration::from_secs(90));
    assert_eq!(migrate.applied, AppliedMigrations::Unknown);
    let command = ["wiki", "db", "upgrade", "${WIKI_DATABASE}?note=$$1"].map(str::to_owned).to_vec();
    assert_eq!(
        migrate.run,
        MigrationRun::Command { service: ServiceName::try_from("web").unwrap(), command }
    );
    assert_eq!(profile.database.mode(None), DatabaseMode::External);
    let files = profile.runtime.compose_files(DatabaseMode::Bundled, &|_| true);
    assert_eq!(files, [Path::new("compose.yaml")]);
    assert_eq!(profile.runtime.env_file, PathBuf::from(".env"));
}

#[rstest]
#[case(DatabaseMode::Bundled, true, &["docker-compose.yml", "docker-compose.postgres.yml", "docker-compose.prod.yml"])]
#[case(DatabaseMode::External, true, &["docker-compose.yml", "docker-compose.prod.yml"])]
#[case(DatabaseMode::Bundled, false, &["docker-compose.yml", "docker-compose.postgres.yml"])]
fn overlays_are_used_in_their_time(
    #[case] database: DatabaseMode,
    #[case] prod: bool,
    #[case] expected: &[&str],
) {
    let files = built_in("ledger").runtime;
    let files = files.compose_files(database, &|file| prod && file == Path::new("docker-compose.prod.yml"));
    assert_eq!(files, expected.iter().map(Path::new).collect::<Vec<_>>());
}

#[rstest]
#[case(None, DatabaseMode::Bundled)]
#[case(Some("postgres"), DatabaseMode::Bundled)]
#[case(Some("postgres.example.com"), DatabaseMode::External)]
#[case(Some("localhost"), DatabaseMode::External)]
fn only_exact_host_names_mean_the_bundled_database(
    #[case] host: Option<&str>,
    #[case] expected: DatabaseMode,
) {
    assert_eq!(built_in("agledger").database.mode(host), expected);
}

#[rstest]
#[case(
    "title = \"The wiki\"",
    "titel = \"x\"",
    "opsctl.toml:4:1: unknown key `titel`, did you mean `title`?"
)]
#[case("[health]", "[healht]", "opsctl.toml:22:2: unknown key `healht`, did you mean `health`?")]
#[case("role = \"api\"", "role = \"apy\"", "opsctl.toml:15:8: unknown value `apy`, did you mean `api`?")]
#[case("role = \"api\"", "role = \"KEY=hunter2\"", "opsctl.toml:15:8: unknown value `KEY=...`")]
#[case("port = 8080", "prot = 8080", "opsctl.toml:16:1: unknown key `prot`, did you mean `port`?")]
#[case("port = 8080", "blue = 1", "opsctl.toml:16:1: unknown key `blue`")]
#[case(
    "\"90s\"",
    "\"90\"",
    "opsctl.toml:28:11: `90` is not a length of time: write it as in `90s`, `1m30s` or `2h`"
)]
#[case(
    "registry.example.com/wiki",
    "wiki:1.0",
    "opsctl.toml:11:9: `wiki:1.0` is not the name of an image: leave out the tag and the digest, and use lower-case \
     letters for what follows the registry"
)]
#[case(
    "\"WIKI_TAG\"",
    "\"WIKI TAG\"",
    "opsctl.toml:12:20: `WIKI TAG` is not the name of a variable: use letters, \
     digits and `_`, and no digit first"
)]
#[case(
    "\"WIKI_TAG\"",
    "\"WIKI_KEY=hunter2\"",
    "opsctl.toml:12:20: `WIKI_KEY=...` is not the name of a variable: use letters, digits and `_`, and no digit first"
)]
#[case(
    "\"WIKI_DATABASE\"",
    "\"postgres://wiki:hunter2@db/wiki\"",
    "opsctl.toml:32:16: `postgres://wiki:[REDACTED]@db/wiki` is not the name of a variable: use letters, digits \
     and `_`, and no digit first"
)]
#[case("\"wiki\"\n", "7\n", "opsctl.toml:3:8: invalid type: integer `7`, expected a string")]
#[case(
    "port = 8080\n",
    "",
    "opsctl.toml:14:1: `health` and `ready` need a `port`: the one on which the service \
     listens within its container"
)]
#[case(
    "role = \"api\"",
    "role = \"other\"",
    "opsctl.toml:14:2: no service has the role `api`: give it to the one that \
     clients talk to"
)]
#[case(
    "service = \"web\"",
    "service = \"wbe\"",
    "opsctl.toml:26:11: there is no service `wbe`: add `[services.wbe]`"
)]
#[case(
    "$$1",
    "$1",
    "opsctl.toml:25:1: in `command`, `$` is followed by neither `{NAME}` nor another `$`: write \
     `${NAME}`, or `$$` for a dollar"
)]
#[case(
    "timeout = \"90s\"",
    "applied = { table = \"m\" }",
    "opsctl.toml:28:11: say where the applied migrations are: \
     `table` and `id` (and `name`), or else `query`"
)]
#[case("[product]", "[product", "opsctl.toml:2:9: unclosed table, expected `]`")]
fn what_is_wrong_is_shown_where_it_is(#[case] good: &str, #[case] bad: &str, #[case] expected: &str) {
    assert_eq!(THIRD_PARTY.matches(good).count(), 1);
    assert_eq!(parse(&THIRD_PARTY.replace(good, bad)).unwrap_err().to_string(), expected);
}

#[rstest]
#[case(
    "\nexports = [{ file = \"db.dump\", query = \"SELECT 1\" }]",
    "a backup holds a file `db.dump` already"
)]
#[case(
    "\n[database.bundled]\nservice = \"web\"\nhosts = []",
    "the service `web` must have the role `database`"
)]
#[case("\n[services.two]\nrole = \"api\"", "more than one service has the role `api`")]
#[case("\n[preflight]\ncommand = []", "`command` is empty")]
#[case("\n[hooks]\nbefore = []", "`before` is empty")]
#[case(
    "\n[services.db]\nrole = \"database\"\nquiesce = true",
    "the database server cannot have `quiesce = true`"
)]
fn what_does_not_fit_together_is_refused(#[case] added: &str, #[case] expected: &str) {
    let error = parse(&format!("{THIRD_PARTY}{added}\n")).unwrap_err();
    assert!(error.message.starts_with(expected), "{error}");
}

#[rstest]
#[case(json!({"status": "running"}), ScanState::Running)]
#[case(json!({"status": "done", "brokenChains": []}), ScanState::Sound)]
#[case(json!({"status": "done", "brokenChains": 0}), ScanState::Sound)]
#[case(json!({"status": "done", "brokenChains": [{"id": 1}]}), ScanState::Broken)]
#[case(json!({"status": "done"}), ScanState::Failed)]
#[case(json!({"status": "failed", "brokenChains": []}), ScanState::Failed)]
#[case(json!({}), ScanState::Failed)]
fn a_scan_is_sound_only_if_it_says_so(#[case] answer: serde_json::Value, #[case] expected: ScanState) {
    assert_eq!(built_in("ledger").scan.unwrap().state_in(&answer), expected);
}

#[rstest]
#[case(r#"{"version": " 1.2.0"}"#, Some("1.2.0"))]
#[case(r#"{"status": "ok"}"#, None)]
#[case("1.2.0", None)]
fn a_version_is_where_the_pointer_points(#[case] body: &str, #[case] expected: Option<&str>) {
    assert_eq!(built_in("ledger").version.endpoints[0].version_in(body).as_deref(), expected);
}

#[test]
fn a_description_to_start_from_is_that_of_the_product_in_the_compose_file() {
    let ledger = Profile::text_for(include_str!("../../compose/docker-compose.yml"));
    assert_eq!(parse(ledger).unwrap(), built_in("ledger"));
    assert_eq!(Profile::text_for("services:\n  web:\n    image: x\n"), TEMPLATE);
}

#[test]
fn a_rotation_is_described_with_the_secret_that_it_is_of() {
    let secrets = built_in("agledger").secrets;
    let spoken: Vec<_> =
        secrets.iter().filter(|secret| secret.rotation.is_some()).map(SecretVariable::spoken).collect();
    assert_eq!(spoken, ["api-key-secret", "vault-signing-key", "postgres-password"]);
    let rotations: Vec<_> = secrets.into_iter().filter_map(|secret| secret.rotation).collect();
    assert_eq!(
        (rotations[0].previous.as_ref().map(VariableName::as_str), &rotations[0].made),
        (Some("API_KEY_SECRET_PREVIOUS"), &Made::Random { bytes: 32 })
    );
    assert!(matches!(rotations[0].way, Way::DualWindow { .. }));
    assert_eq!(rotations[0].derived[0].name.as_str(), "WEBHOOK_ENCRYPTION_KEY");
    assert!(matches!(rotations[1].made, Made::Program { .. }));
    assert!(matches!(rotations[1].way, Way::Replaced { on_record: Some(_) }));
    assert_eq!(rotations[2].previous, None, "the server takes one password");
    assert!(
        matches!(&rotations[2].way, Way::DatabaseLogin { role_variable } if role_variable.as_str() == "POSTGRES_USER")
    );
}

#[rstest]
#[case("method = \"dual-window\"", "a dual window needs `rehash`")]
#[case("method = \"dual-window\"\nrehash = { service = \"web\", command = [] }", "`command` is empty")]
#[case(
    "method = \"dual-window\"\non_record = \"SELECT 1\"\nrehash = { service = \"web\", command = [\"x\"] }",
    "`on_record` is for a value that is replaced"
)]
#[case("method = \"replaced\"\nbytes = 8", "`bytes` must be from 16 to 64")]
#[case("method = \"replaced\"\nbytes = 32\ngenerate = [\"x\"]", "either `bytes` or `generate`")]
#[case("method = \"replaced\"\ngenerate = []", "`generate` is empty")]
#[case("method = \"replaced\"\ncount = \"SELECT 1\"", "`rehash` and `count` are for a dual window")]
#[case(
    "method = \"dual-window\"\nrehash = { service = \"job\", command = [\"x\"] }",
    "there is no service `job`"
)]
#[case(
    "method = \"database-login\"\nrole_variable = \"POSTGRES_USER\"",
    "a database login needs `role_variable`"
)]
#[case("method = \"replaced\"\nrole_variable = \"POSTGRES_USER\"", "`role_variable` is for a database login")]
fn a_rotation_that_cannot_be_carried_out_is_refused(#[case] rotation: &str, #[case] message: &str) {
    let secret = "[[secrets]]\nname = \"A\"\nkind = \"token\"\n[secrets.rotation]\nprevious = ";
    let error = parse(&format!("{THIRD_PARTY}{secret}\"OLD\"\n{rotation}\n")).unwrap_err();
    assert!(error.message.starts_with(message), "{error}");
    let itself = parse(&format!("{THIRD_PARTY}{secret}\"A\"\nmethod = \"replaced\"\n")).unwrap_err();
    assert!(itself.message.starts_with("`previous` of `A` is `A` itself"), "{itself}");
}
