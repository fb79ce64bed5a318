//! The `docker compose` command.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opsctl::adapters::compose::{
    Compose, ComposeEnvironment, ComposeError, ComposeProject, ComposeVersion, OneOff, Recreate, Up,
};
use opsctl::adapters::docker::{ContainerFilter, ContainerKind, Health, LABEL_OPERATION, Removal};
use opsctl::adapters::http::Http;
use opsctl::model::secret::Secret;

use crate::sandbox::{LIMIT, TestImage, docker, engine, put, unique};

const MODEL: &str = r#"
services:
  api:
    image: ${SHOP_IMAGE:?set it}
    command: [httpd, -f, -p, "8080", -h, /]
    restart: unless-stopped
    stop_grace_period: 1s
    environment:
      TOKEN: ${TOKEN}
    healthcheck:
      test: [CMD, "true"]
      interval: 1s
    depends_on: [worker]
  worker:
    image: ${SHOP_IMAGE}
    command: [sleep, "600"]
    stop_grace_period: 0s
"#;

struct Stack {
    folder: tempfile::TempDir,
    compose: Compose,
    name: String,
}

impl Drop for Stack {
    fn drop(&mut self) {
        let listed =
            docker(&["ps", "-aq", "--filter", &format!("label=com.docker.compose.project={}", self.name)]);
        for id in listed.lines() {
            docker(&["rm", "-f", "-v", id]);
        }
        let label = format!("label=com.docker.compose.project={}", self.name);
        for id in docker(&["network", "ls", "-q", "--filter", &label]).lines() {
            docker(&["network", "rm", id]);
        }
    }
}

async fn stack(image: &str) -> Stack {
    let folder = tempfile::tempdir().unwrap();
    put(&folder.path().join("compose.yml"), MODEL);
    put(&folder.path().join(".env"), "TOKEN=pa$$word-x\nSHOP_IMAGE=shop:from-env-file\n");
    let name = unique("shop");
    let project = ComposeProject {
        directory: folder.path().into(),
        files: vec![folder.path().join("compose.yml")],
        env_files: Vec::new(),
        name: Some(name.clone()),
        profiles: Vec::new(),
    };
    let environment = with_image(image);
    let at_work = folder.path().join("at-work");
    let redact = Arc::new(|text: &str| text.replace("hunter2", "[redacted]"));
    let compose = Compose::new(project, environment, engine().await.endpoint(), redact, at_work);
    Stack { folder, compose, name }
}

fn with_image(image: &str) -> ComposeEnvironment {
    ComposeEnvironment {
        blocked: vec!["TOKEN".to_owned()],
        set: vec![("SHOP_IMAGE".to_owned(), Secret::new(image))],
    }
}

#[tokio::test]
async fn a_model_is_resolved_with_the_environment_that_was_decided_on() {
    assert!(ComposeVersion::installed().await.unwrap().major >= 2);
    let stack = stack("shop:set-here").await;
    let model = stack.compose.resolve().await.unwrap();
    let api = &model.services["api"];
    assert_eq!(model.project, stack.name);
    assert_eq!(api.image.as_deref(), Some("shop:set-here"));
    assert_eq!(api.stop_grace, Duration::from_secs(1));
    assert!(api.depends_on.contains_key("worker"));
    let unset = stack.compose.with_environment(ComposeEnvironment::default()).resolve().await.unwrap();
    assert_eq!(unset.services["api"].image.as_deref(), Some("shop:from-env-file"));
}

#[tokio::test]
async fn errors_of_compose_are_redacted() {
    let stack = stack("shop:1").await;
    put(&stack.folder.path().join(".env"), "A=1\nhunter2 \"x\n");
    let error = stack.compose.resolve().await.unwrap_err();
    assert!(matches!(error, ComposeError::Failed { .. }), "{error:?}");
    assert!(error.to_string().contains("[redacted]"), "compose quotes the line: {error}");
    assert!(!format!("{error}{error:?}").contains("hunter2"), "{error}");
}

#[tokio::test]
async fn services_come_up_alone_and_one_offs_beside_them() {
    let engine = engine().await;
    let image = TestImage::build(0);
    let stack = stack(image.name()).await;
    let up = Up {
        services: vec!["api".to_owned()],
        scale: Vec::new(),
        recreate: Recreate::IfChanged,
        overrides: Vec::new(),
        limit: LIMIT,
    };
    stack.compose.up(&up).await.unwrap();
    let started = Instant::now();
    let api = loop {
        let mut containers = engine.containers(ContainerFilter::Project(&stack.name)).await.unwrap();
        assert_eq!(containers.len(), 1, "the worker was not asked for");
        let api = containers.remove(0);
        if api.health == Health::Healthy {
            break api;
        }
        assert!(started.elapsed() < LIMIT, "{api:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!((api.service.as_deref(), api.kind), (Some("api"), ContainerKind::Replica(1)));
    assert_eq!(api.image_id, image.id);
    assert_eq!(ComposeProject::from_labels(&api.labels).as_ref(), Some(stack.compose.project()));

    let address = api.address(8080).unwrap();
    let reply = Http::new().unwrap().get(&format!("http://{address}/noise"), None, LIMIT).await.unwrap();
    assert_eq!(reply.status, 200);

    let one_off = OneOff {
        service: "api".to_owned(),
        name: unique("canary"),
        operation: unique("op"),
        role: "canary".to_owned(),
        command: vec!["sh".to_owned(), "-c".to_owned(), "echo \"$TOKEN\"; exit 4".to_owned()],
        overrides: vec![stack.folder.path().join("override.yml")],
        limit: LIMIT,
    };
    put(&one_off.overrides[0], "services: {api: {restart: \"no\", environment: {TOKEN: from-override}}}\n");
    let id = stack.compose.create_one_off(&one_off).await.unwrap();
    assert_eq!(engine.wait(&id, LIMIT).await.unwrap(), 4);
    let canary = engine.container_named(&one_off.name).await.unwrap().unwrap();
    assert_eq!(
        (canary.id.clone(), canary.kind, canary.exit_code),
        (id.clone(), ContainerKind::OneOff, Some(4))
    );
    assert_eq!(canary.labels[LABEL_OPERATION], one_off.operation);
    let limits = opsctl::adapters::docker::LogLimits { lines: 10, bytes: 1000, since: None };
    assert_eq!(engine.logs(&id, limits).await.unwrap().lines[0].text, "from-override");
    engine.remove(&id, Removal::Ended).await.unwrap();
}

#[tokio::test]
async fn a_missing_image_is_an_error_and_not_a_pull() {
    let stack = stack("127.0.0.1:1/no/such:image").await;
    let up = Up {
        services: vec!["worker".to_owned()],
        scale: Vec::new(),
        recreate: Recreate::Always,
        overrides: Vec::new(),
        limit: LIMIT,
    };
    let error = stack.compose.up(&up).await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("no such image"), "{error}");
}
