use rstest::rstest;

use super::*;
use crate::operations::rotate::tests::{fingerprint, listed, product, service, variable};
use crate::plan::rotation::Login;
use crate::profile::Made;

fn secret() -> DualSecret {
    DualSecret {
        name: variable("POSTGRES_PASSWORD"),
        previous: None,
        made: Made::Random { bytes: 32 },
        login: Some(Login { role: "ledger".to_owned(), urls: vec![variable("DATABASE_URL")] }),
    }
}

fn plan(server: Option<&str>) -> Plan {
    let request = LoginRequest {
        secret: secret(),
        old: fingerprint("0000000000aa"),
        server: server.map(service),
        replicas: vec![
            Replicas { service: service("api"), count: 2 },
            Replicas { service: service("worker"), count: 1 },
        ],
        canary: None,
    };
    plan_login(&product(), &request)
}

#[test]
fn the_server_is_made_anew_with_its_old_password_and_the_services_right_behind_the_change() {
    let plan = plan(Some("postgres"));
    let commit = plan.commit.unwrap();
    assert!(matches!(plan.steps[commit], Step::SetWindow { window: Window::Closed { .. }, .. }));
    insta::assert_snapshot!(listed(&plan.steps), @r"
    give POSTGRES_PASSWORD a new random value in the settings, keeping the old one until the end
    make sure that postgres, api, worker would be given POSTGRES_PASSWORD as it is set now
    make the containers of postgres anew
    prove that each replica of postgres has POSTGRES_PASSWORD as it is set now
    make POSTGRES_PASSWORD as it is set now the password of ledger, and prove that it alone is taken
    make the containers of api (2 replicas), worker anew
    wait until api, worker are healthy and stable
    prove that each replica of api, worker has POSTGRES_PASSWORD as it is set now
    forget the old value of POSTGRES_PASSWORD
    ");
    insta::assert_snapshot!(listed(&plan.reversing(commit)), @r"
    put the old value of POSTGRES_PASSWORD back in the settings
    make sure that postgres, api, worker would be given POSTGRES_PASSWORD as it is set now
    make the containers of postgres anew
    prove that each replica of postgres has POSTGRES_PASSWORD as it is set now
    make POSTGRES_PASSWORD as it is set now the password of ledger, and prove that it alone is taken
    make the containers of api (2 replicas), worker anew
    wait until api, worker are healthy and stable
    prove that each replica of api, worker has POSTGRES_PASSWORD as it is set now
    forget the new value of POSTGRES_PASSWORD
    ");
}

#[test]
fn before_the_server_was_touched_only_the_settings_go_back() {
    assert!(plan(Some("postgres")).reversing(0).is_empty());
    insta::assert_snapshot!(listed(&plan(Some("postgres")).reversing(2)), @"forget the new value of POSTGRES_PASSWORD");
    insta::assert_snapshot!(listed(&plan(Some("postgres")).reversing(3)), @r"
    put the old value of POSTGRES_PASSWORD back in the settings
    make sure that postgres, api, worker would be given POSTGRES_PASSWORD as it is set now
    make the containers of postgres anew
    prove that each replica of postgres has POSTGRES_PASSWORD as it is set now
    wait until api, worker are healthy and stable
    forget the new value of POSTGRES_PASSWORD
    ");
}

#[test]
fn a_server_that_has_it_from_elsewhere_is_only_told() {
    let plan = plan(None);
    insta::assert_snapshot!(listed(&plan.reversing(3)), @r"
    put the old value of POSTGRES_PASSWORD back in the settings
    make sure that api, worker would be given POSTGRES_PASSWORD as it is set now
    make POSTGRES_PASSWORD as it is set now the password of ledger, and prove that it alone is taken
    wait until api, worker are healthy and stable
    forget the new value of POSTGRES_PASSWORD
    ");
}

fn found() -> LoginFindings {
    LoginFindings { role: "ledger".to_owned(), taken: true, asks: true, ..LoginFindings::default() }
}

#[rstest]
#[case(found(), &[])]
#[case(
    LoginFindings { taken: false, ..found() },
    &["the database server does not take the POSTGRES_PASSWORD of the settings as the password of ledger"]
)]
#[case(
    LoginFindings { asks: false, ..found() },
    &["the database server lets ledger in with any password"]
)]
#[case(
    LoginFindings { kept_as_md5: true, ..found() },
    &["the server keeps the password of ledger as an MD5 hash, and would keep a new one as SCRAM has it"]
)]
#[case(
    LoginFindings { differing: vec!["DATABASE_URL".to_owned()], unwieldy: vec!["OTHER".to_owned()], ..found() },
    &[
        "DATABASE_URL has another password of ledger than POSTGRES_PASSWORD",
        "the password in OTHER cannot be replaced as it is written there",
    ]
)]
#[case(
    LoginFindings { changed_server: Some("another image".to_owned()), ..found() },
    &["the database server's container would be made anew as another one than now: another image"]
)]
fn each_hazard_is_named(#[case] found: LoginFindings, #[case] expected: &[&str]) {
    let said: Vec<String> = found.hazards(&secret()).into_iter().map(|hazard| hazard.what).collect();
    assert_eq!(said, expected);
}
