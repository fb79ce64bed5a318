use super::*;

/// Shaped like the output of Compose 2.26 for a product with a database.
const MODEL: &str = r#"{
  "name": "shop",
  "services": {
    "api": {
      "profiles": ["web"],
      "command": null,
      "depends_on": {
        "db": {"condition": "service_healthy", "required": true},
        "migrate": {"condition": "service_completed_successfully", "required": true}
      },
      "deploy": {"replicas": 2},
      "entrypoint": null,
      "env_file": [{"path": "/srv/shop/.env", "required": true}],
      "environment": {"DATABASE_URL": "postgres://u:hunter2@db/shop", "PASSED_ON": null, "WORKERS": 4},
      "healthcheck": {"test": ["CMD", "true"], "interval": "10s"},
      "image": "team/shop:1.2.3",
      "networks": {"default": null},
      "ports": [
        {"mode": "ingress", "host_ip": "127.0.0.1", "target": 3001, "published": "13001", "protocol": "tcp"},
        {"mode": "ingress", "target": 9000, "published": "9000-9002", "protocol": "udp"},
        {"mode": "ingress", "target": 80, "protocol": "tcp"}
      ],
      "restart": "unless-stopped",
      "stop_grace_period": "1m30s",
      "volumes": [
        {"type": "bind", "source": "/srv/shop/conf", "target": "/conf", "read_only": true, "bind": {}},
        {"type": "volume", "source": "data", "target": "/data", "volume": {}}
      ]
    },
    "db": {"image": "postgres:17", "environment": null, "restart": "on-failure:3", "healthcheck": {"disable": true}},
    "migrate": {"image": "team/shop:1.2.3", "network_mode": "service:db", "env_file": ["./m.env"]}
  },
  "networks": {"default": {"name": "shop_default", "ipam": {}}, "edge": {"name": "edge", "external": true}},
  "volumes": {"data": {"name": "shop_data"}}
}"#;

fn model() -> ComposeModel {
    ComposeModel::from_json(MODEL.as_bytes()).expect("a sound model")
}

#[test]
fn a_service_is_read_with_what_operations_need() {
    let model = model();
    let api = &model.services["api"];
    assert_eq!(model.project, "shop");
    assert_eq!(api.image.as_deref(), Some("team/shop:1.2.3"));
    assert_eq!(api.stop_grace, Duration::from_secs(90));
    assert_eq!(api.restart, RestartPolicy::UnlessStopped);
    assert_eq!(api.replicas, 2);
    assert_eq!(api.health_check, HealthCheck::Declared);
    assert_eq!(api.depends_on["migrate"], Dependency::CompletedSuccessfully);
    assert_eq!(api.env_files, [PathBuf::from("/srv/shop/.env")]);
    assert_eq!(api.mounts[0].source, MountSource::Bind("/srv/shop/conf".into()));
    assert_eq!(api.mounts[0].access, MountAccess::ReadOnly);
    assert_eq!(api.mounts[1].source, MountSource::Volume("data".to_owned()));
}

#[test]
fn published_ports_keep_address_range_and_protocol() {
    let ports = model().services.remove("api").expect("the service").ports;
    assert_eq!(ports[0].host_ip, Some(IpAddr::from([127, 0, 0, 1])));
    assert_eq!(ports[0].host_ports, Some((13001, 13001)));
    assert_eq!((ports[1].host_ports, ports[1].protocol), (Some((9000, 9002)), Protocol::Udp));
    assert_eq!((ports[2].host_ports, ports[2].target), (None, 80));
}

#[test]
fn what_a_service_leaves_out_has_docker_s_own_defaults() {
    let model = model();
    let db = &model.services["db"];
    assert_eq!(db.stop_grace, DEFAULT_STOP_GRACE);
    assert_eq!(db.health_check, HealthCheck::Disabled);
    assert_eq!(db.restart, RestartPolicy::OnFailure);
    assert_eq!(db.replicas, 1);
    let migrate = &model.services["migrate"];
    assert_eq!(migrate.restart, RestartPolicy::No);
    assert_eq!(migrate.network_mode, NetworkMode::Service("db".to_owned()));
    assert_eq!(migrate.health_check, HealthCheck::FromImage);
}

#[test]
fn networks_and_volumes_have_their_names_at_the_engine() {
    let model = model();
    assert_eq!(model.networks["default"].name, "shop_default");
    assert_eq!(model.networks["edge"].owner, ResourceOwner::External);
    assert_eq!(model.volumes["data"].owner, ResourceOwner::Project);
}

#[test]
fn environment_values_are_kept_and_never_shown() {
    let model = model();
    let environment = &model.services["api"].environment;
    let url = environment["DATABASE_URL"].as_ref().expect("a value");
    assert_eq!(url.expose(), "postgres://u:hunter2@db/shop");
    assert_eq!(environment["WORKERS"].as_ref().expect("a value").expose(), "4");
    assert!(environment["PASSED_ON"].is_none());
    assert!(!format!("{model:?}").contains("hunter2"));
}

#[test]
fn errors_name_the_place_and_not_the_content() {
    let wrong = r#"{"name": "x", "services": {"a": {"environment": "TOKEN=hunter2"}}}"#;
    let error = ComposeModel::from_json(wrong.as_bytes()).expect_err("a wrong shape").to_string();
    assert!(error.contains("line 1") && !error.contains("hunter2"), "{error}");

    let wrong = r#"{"name": "x", "services": {"a": {"stop_grace_period": "soon"}}}"#;
    let error = ComposeModel::from_json(wrong.as_bytes()).expect_err("a wrong value").to_string();
    assert!(error.contains("service \"a\"") && error.contains("stop_grace_period"), "{error}");
}
