use rstest::rstest;

use super::*;
use crate::model::database_name::DatabaseName;
use crate::model::release::Version;
use crate::operations::DataCheck;
use crate::plan::step::Release;
use crate::profile::Made;

const OLD: &str = "0000000000aa";
const OTHER: &str = "0000000000cc";

pub(super) fn fingerprint(text: &str) -> Fingerprint {
    Fingerprint::try_from(text.to_owned()).unwrap()
}

pub(super) fn variable(name: &str) -> VariableName {
    VariableName::try_from(name).unwrap()
}

pub(super) fn service(name: &str) -> ServiceName {
    ServiceName::try_from(name).unwrap()
}

fn secret() -> DualSecret {
    DualSecret {
        name: variable("API_KEY_SECRET"),
        previous: Some(variable("API_KEY_SECRET_PREVIOUS")),
        made: Made::Random { bytes: 32 },
        login: None,
    }
}

pub(super) fn product() -> Product {
    Product {
        release: Release {
            version: Version::parse("1.0.0").unwrap(),
            image: "ledger:1.0.0".to_owned(),
            digest: None,
            image_id: None,
            pin: None,
        },
        services: vec![service("worker"), service("api")],
        running: vec![service("worker"), service("api")],
        well: Wellness::Well,
        live: DatabaseName::new("ledger"),
        migrate: None,
        data_check: DataCheck::Described,
    }
}

fn request(guard: Guard, way: Way) -> Request {
    Request {
        secret: secret(),
        old: fingerprint(OLD),
        guard,
        replicas: vec![
            Replicas { service: service("api"), count: 3 },
            Replicas { service: service("worker"), count: 1 },
        ],
        way,
        canary: Some(HttpPath::try_from("/admin").unwrap()),
        refusals: Refusals::Counted,
    }
}

fn window(pauses: &[(PausePoint, Halt)]) -> Way {
    let rehash = Rehashing {
        service: service("api"),
        program: vec!["/ledger".to_owned(), "rehash-api-keys".to_owned()],
        name: "rehash".to_owned(),
        count: Some("SELECT 1, 1".to_owned()),
    };
    Way::DualWindow { rehash, pauses: pauses.to_vec() }
}

fn taken() -> Guard {
    Guard::Taken { id: "2026-03-14-120000".parse().unwrap(), keep: 7 }
}

pub(super) fn listed(steps: &[Step]) -> String {
    steps.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_whole_way() {
    let plan = plan(
        &product(),
        &request(taken(), window(&[(PausePoint::Rehash, Halt::Stop), (PausePoint::Dual, Halt::Ask)])),
    );
    assert!(matches!(plan.steps[plan.commit.unwrap()], Step::Rehash { .. }));
    insta::assert_snapshot!(listed(&plan.steps), @r"
    take backup 2026-03-14-120000 and read it back
    see how many requests the API refuses
    save API_KEY_SECRET as API_KEY_SECRET_PREVIOUS and give API_KEY_SECRET a new random value
    make sure that api, worker would be given API_KEY_SECRET as it is set now
    make the containers of api (3 replicas), worker anew
    wait until api, worker are healthy and stable
    prove that each replica of api, worker has both values of API_KEY_SECRET
    prove that a key lets its bearer in, at each replica
    prove that the API does not refuse more requests than before
    pause, with both values taken and nothing re-hashed
    see how many requests the API refuses
    re-hash all keys with the present value (backup 2026-03-14-120000 stands behind this)
    make the containers of api (3 replicas), worker anew once more
    wait until api, worker are healthy and stable
    prove that each replica of api, worker has both values of API_KEY_SECRET
    prove that a key lets its bearer in, at each replica
    prove that the API does not refuse more requests than before
    pause, with all keys re-hashed and the old value still taken
    see how many requests the API refuses
    remove API_KEY_SECRET_PREVIOUS: the old value of API_KEY_SECRET goes
    make sure that api, worker would be given API_KEY_SECRET as it is set now
    make the containers of api (3 replicas), worker anew
    wait until api, worker are healthy and stable
    prove that each replica of api, worker has the new value of API_KEY_SECRET alone
    prove that a key lets its bearer in, at each replica
    prove that the API does not refuse more requests than before
    unpin backup 2026-03-14-120000
    prune backups, keeping the newest 7
    ");
}

#[test]
fn before_any_container_was_made_anew_the_old_file_is_the_way_back() {
    let plan = plan(&product(), &request(taken(), window(&[])));
    assert_eq!(listed(&plan.reversing(2)), "unpin backup 2026-03-14-120000");
    insta::assert_snapshot!(listed(&plan.reversing(3)), @r"
    remove API_KEY_SECRET_PREVIOUS: API_KEY_SECRET has its old value alone
    unpin backup 2026-03-14-120000
    ");
}

#[test]
fn behind_that_the_way_back_is_the_window_the_other_way_round() {
    let present = Guard::Present("2026-03-14-120000".parse().unwrap());
    let plan = plan(&product(), &request(present, window(&[])));
    insta::assert_snapshot!(listed(&plan.reversing(4)), @r"
    put the old value of API_KEY_SECRET back, with the new one as API_KEY_SECRET_PREVIOUS
    make sure that api, worker would be given API_KEY_SECRET as it is set now
    make the containers of api (3 replicas), worker anew
    wait until api, worker are healthy and stable
    prove that each replica of api, worker has the old value as API_KEY_SECRET and the new one as API_KEY_SECRET_PREVIOUS
    re-hash all keys with the present value (backup 2026-03-14-120000 stands behind this)
    remove API_KEY_SECRET_PREVIOUS: API_KEY_SECRET has its old value alone
    make sure that api, worker would be given API_KEY_SECRET as it is set now
    make the containers of api (3 replicas), worker anew
    wait until api, worker are healthy and stable
    prove that each replica of api, worker has the old value of API_KEY_SECRET alone
    prove that a key lets its bearer in, at each replica
    ");
    let Some(Step::Rehash { one_off, .. }) =
        plan.reversing(4).into_iter().find(|step| matches!(step, Step::Rehash { .. }))
    else {
        panic!("keys that were made meanwhile would be lost");
    };
    assert_eq!(one_off.name, "rehash-back", "the way on has a container of its own");
}

#[test]
fn a_value_under_which_nothing_is_stored_is_simply_replaced_and_put_back() {
    let before = vec![OnRecord { id: "a".to_owned(), in_use: true }];
    let way = Way::Replaced { on_record: Some(("SELECT 1, true".to_owned(), before)) };
    let plan = plan(&product(), &request(taken(), way));
    let commit = plan.commit.unwrap();
    assert!(matches!(plan.steps[commit], Step::SetWindow { window: Window::Closed { .. }, .. }));
    insta::assert_snapshot!(listed(&plan.steps), @r"
    take backup 2026-03-14-120000 and read it back
    see how many requests the API refuses
    save API_KEY_SECRET as API_KEY_SECRET_PREVIOUS and give API_KEY_SECRET a new random value
    make sure that api, worker would be given API_KEY_SECRET as it is set now
    make the containers of api (3 replicas), worker anew
    wait until api, worker are healthy and stable
    prove that each replica of api, worker has both values of API_KEY_SECRET
    prove that a key lets its bearer in, at each replica
    prove that the API does not refuse more requests than before
    prove that what was on record still is, and that another value is in use
    let the product check its data
    remove API_KEY_SECRET_PREVIOUS: the old value of API_KEY_SECRET goes
    make sure that api, worker would be given API_KEY_SECRET as it is set now
    make the containers of api (3 replicas), worker anew
    wait until api, worker are healthy and stable
    prove that each replica of api, worker has the new value of API_KEY_SECRET alone
    prove that a key lets its bearer in, at each replica
    prove that the API does not refuse more requests than before
    unpin backup 2026-03-14-120000
    prune backups, keeping the newest 7
    ");
    insta::assert_snapshot!(listed(&plan.reversing(commit)), @r"
    remove API_KEY_SECRET_PREVIOUS: API_KEY_SECRET has its old value alone
    make sure that api, worker would be given API_KEY_SECRET as it is set now
    make the containers of api (3 replicas), worker anew
    wait until api, worker are healthy and stable
    prove that each replica of api, worker has the old value of API_KEY_SECRET alone
    prove that a key lets its bearer in, at each replica
    unpin backup 2026-03-14-120000
    ");
}

fn held(current: Option<&str>, previous: Option<&str>) -> Held {
    Held { current: current.map(fingerprint), previous: previous.map(fingerprint) }
}

fn found() -> Findings {
    let instances = || vec![held(Some(OLD), None), held(Some(OLD), None)];
    Findings {
        secret: secret(),
        settings: held(Some(OLD), None),
        assignments: 1,
        followers: Vec::new(),
        in_process: Vec::new(),
        in_files: Vec::new(),
        instances: vec![(service("api"), instances()), (service("worker"), instances())],
        derived: Vec::new(),
        stored_under: Some(1),
        login: None,
    }
}

fn derived() -> Derived {
    Derived { name: variable("WEBHOOK_ENCRYPTION_KEY"), loses: "the secrets of webhooks".to_owned() }
}

fn against(found: &Findings, accepted: &[VariableName]) -> Vec<String> {
    hazards(&product(), None, found, accepted).into_iter().map(|hazard| hazard.what).collect()
}

#[test]
fn nothing_stands_against_a_healthy_install() {
    assert_eq!(against(&found(), &[]), Vec::<String>::new());
    assert_eq!(refusal(&secret().name, Vec::new()), Ok(()));
}

#[rstest]
#[case(
    Findings { settings: held(Some(OLD), Some(OTHER)), ..found() },
    "API_KEY_SECRET_PREVIOUS is set: a rotation is under way, or was never ended"
)]
#[case(
    Findings { instances: vec![(service("api"), vec![held(Some(OLD), None), held(Some(OTHER), None)])], ..found() },
    "replica 2 of api has another value of API_KEY_SECRET than the settings"
)]
#[case(
    Findings { instances: vec![(service("api"), vec![held(None, None)])], ..found() },
    "replica 1 of api has another value of API_KEY_SECRET than the settings"
)]
#[case(
    Findings { instances: vec![(service("api"), vec![held(Some(OLD), Some(OTHER))])], ..found() },
    "replica 1 of api still has API_KEY_SECRET_PREVIOUS"
)]
#[case(
    Findings { in_files: vec!["API_KEY_SECRET_FILE".to_owned()], ..found() },
    "API_KEY_SECRET_FILE is set: the secret is in a file, or in two places"
)]
#[case(
    Findings { in_process: vec!["API_KEY_SECRET".to_owned()], ..found() },
    "API_KEY_SECRET is set in the environment of this command, and would win over the settings"
)]
#[case(Findings { assignments: 2, ..found() }, "API_KEY_SECRET is assigned 2 times")]
#[case(
    Findings { followers: vec!["OTHER".to_owned()], ..found() },
    "OTHER refers to API_KEY_SECRET, and would change with it"
)]
#[case(
    Findings { stored_under: Some(2), ..found() },
    "keys are stored under 2 different values of API_KEY_SECRET"
)]
#[case(
    Findings { derived: vec![derived()], ..found() },
    "WEBHOOK_ENCRYPTION_KEY is not set, and so it is derived from API_KEY_SECRET: the secrets of webhooks would be lost"
)]
fn each_hazard_is_named(#[case] found: Findings, #[case] expected: &str) {
    assert_eq!(against(&found, &[]), [expected]);
}

#[test]
fn what_would_be_lost_is_accepted_by_name_and_nothing_else_is() {
    let found = Findings { derived: vec![derived()], assignments: 2, ..found() };
    assert_eq!(against(&found, &[derived().name]), ["API_KEY_SECRET is assigned 2 times"]);
    assert_eq!(against(&found, &[variable("OTHER")]).len(), 2);
}

#[test]
fn a_product_that_is_not_well_is_not_rotated() {
    let unwell = Product { well: Wellness::Unwell, ..product() };
    let hazards = hazards(&unwell, Some("api does not answer"), &found(), &[]);
    let refused = refusal(&secret().name, hazards).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "API_KEY_SECRET is not rotated: the product is not well: api does not answer"
    );
}
