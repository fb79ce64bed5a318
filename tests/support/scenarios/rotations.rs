//! Operations that give a secret another value.

use opsctl::journal::record::Closing;
use opsctl::operations::rotate;
use opsctl::plan::rotation::{DualSecret, Halt, Login, OnRecord, PausePoint, Replicas};
use opsctl::profile::{HttpPath, Made, VariableName};

use super::{OLD_SECRET, Scenario, install, outcome, own_backup, product};
use crate::fake::install::{Client, Container, LIVE, Role};
use crate::fake::service;
use crate::fake::settings::fingerprint;
use crate::fake::values::Password;

/// A rotation through a window in which both values count, that waits at these places.
pub(crate) fn rotate(pauses: &[PausePoint]) -> Scenario {
    let rehash = rotate::Rehashing {
        service: service("api"),
        program: vec!["rehash".to_owned()],
        name: "opsctl-rehash".to_owned(),
        count: Some("SELECT value, count(*) FROM keys GROUP BY 1".to_owned()),
    };
    rotation(rotate::Way::DualWindow { rehash, pauses: pauses.iter().map(|at| (*at, Halt::Stop)).collect() })
}

/// A rotation of a value under which nothing is stored.
pub(crate) fn replace_secret() -> Scenario {
    let before = vec![OnRecord { id: OLD_SECRET.to_string(), in_use: true }];
    let on_record = Some(("SELECT value, in_use FROM values".to_owned(), before));
    let mut scenario = rotation(rotate::Way::Replaced { on_record });
    scenario.install.stores_keys = false;
    scenario.install.keys.clear();
    scenario
}

/// A rotation of the password of the database server, whose container is made with it too.
pub(crate) fn change_password() -> Scenario {
    let name = |text| VariableName::try_from(text).expect("a variable");
    let replicas = |name| Replicas { service: service(name), count: 1 };
    let request = rotate::LoginRequest {
        secret: DualSecret {
            name: name("PASSWORD"),
            previous: None,
            made: Made::Random { bytes: 32 },
            login: Some(Login { role: "ledger".to_owned(), urls: vec![name("DATABASE_URL")] }),
        },
        old: fingerprint(OLD_SECRET),
        server: Some(service("server")),
        replicas: vec![replicas("api"), replicas("worker")],
        canary: None,
    };
    let mut before = install("1.0.0", Client::Steady);
    let server = Container { role: Role::Server, ..before.services["api"].clone() };
    before.services.insert("server".to_owned(), server);
    before.password = Some(Password { taken: OLD_SECRET, kept: None });
    before.stores_keys = false;
    before.keys.clear();
    let mut new = outcome("1.0.0", "live", &[LIVE]);
    new.secret = OLD_SECRET + 1;
    Scenario {
        superseded: Vec::new(),
        install: before,
        plan: rotate::plan_login(&product("1.0.0"), &request),
        ends: Closing::Done,
        old: outcome("1.0.0", "live", &[LIVE]),
        new,
    }
}

fn rotation(way: rotate::Way) -> Scenario {
    let name = |text| VariableName::try_from(text).expect("a variable");
    let replicas = |name| Replicas { service: service(name), count: 1 };
    let request = rotate::Request {
        secret: DualSecret {
            name: name("SECRET"),
            previous: Some(name("SECRET_PREVIOUS")),
            made: Made::Random { bytes: 32 },
            login: None,
        },
        old: fingerprint(OLD_SECRET),
        guard: rotate::Guard::Taken { id: own_backup(), keep: 7 },
        replicas: vec![replicas("api"), replicas("worker")],
        way,
        canary: Some(HttpPath::try_from("/admin").expect("a path")),
        refusals: rotate::Refusals::Counted,
    };
    let mut new = outcome("1.0.0", "live", &[LIVE]);
    new.secret = OLD_SECRET + 1;
    Scenario {
        superseded: Vec::new(),
        install: install("1.0.0", Client::Steady),
        plan: rotate::plan(&product("1.0.0"), &request),
        ends: Closing::Done,
        old: outcome("1.0.0", "live", &[LIVE]),
        new,
    }
}
