//! Resolving and pulling.

use std::io::{Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use opsctl::adapters::docker::{
    Credentials, EngineSettings, ImageRemoval, PullError, PullLimits, PullProgress, RegistryFailure,
    Resolution,
};
use opsctl::model::image_ref::ImageRef;
use opsctl::model::secret::Secret;
use rustix::process::Signal;

use crate::sandbox::{Access, LIMIT, PASSWORD, Registry, TestImage, USER, engine};

const NOISE: usize = 8_000_000;
const QUICK: PullLimits =
    PullLimits { stall: Duration::from_secs(10), attempts: 2, first_wait: Duration::from_millis(50) };

fn tagged(reference: &ImageRef) -> ImageRef {
    reference.with_tag(reference.tag().unwrap().clone())
}

fn absent(reference: &ImageRef) -> ImageRef {
    reference.with_digest(format!("sha256:{}", "0".repeat(64)).parse().unwrap())
}

#[tokio::test]
async fn an_open_registry_is_resolved_and_pulled_from() {
    let engine = engine().await;
    let registry = Registry::start(&Access::Open);
    let mut image = TestImage::build(NOISE);
    let pinned = registry.publish(&mut image, "team/product");
    let nobody = Credentials::anonymous();

    let found = engine.resolve(&tagged(&pinned), &nobody, LIMIT).await.unwrap();
    let Resolution::Found { digest, platforms } = found else { panic!("{found:?}") };
    assert_eq!(Some(&digest), pinned.digest());
    assert_eq!(platforms[0].os, "linux");
    let missing = pinned.with_tag("9.9.9".parse().unwrap());
    let answer = engine.resolve(&missing, &nobody, LIMIT).await.unwrap();
    assert_eq!(answer, Resolution::Failed(RegistryFailure::NotFound));

    assert_eq!(engine.image(&pinned).await.unwrap(), None, "it was removed after it was pushed");
    let mut seen: Vec<PullProgress> = Vec::new();
    let pulled = engine.pull(&pinned, &nobody, QUICK, |progress| seen.push(progress)).await.unwrap();
    assert_eq!(pulled.id, image.id);
    let last = seen.last().unwrap();
    assert!(last.bytes_done == last.bytes_total && last.bytes_total >= NOISE as u64, "{last:?}");
    assert_eq!((last.layers_done, last.layers_total), (1, 1));

    engine.tag(&pulled.id, &pinned, &"opsctl-keep".parse().unwrap()).await.unwrap();
    let kept = pinned.with_tag("opsctl-keep".parse().unwrap());
    assert_eq!(engine.image(&kept).await.unwrap().unwrap().id, image.id);
    assert_eq!(engine.remove_image(&kept).await.unwrap(), ImageRemoval::Removed);
    assert_eq!(engine.remove_image(&kept).await.unwrap(), ImageRemoval::Absent);

    let wrong = engine.pull(&absent(&pinned), &nobody, QUICK, |_| ()).await.unwrap_err();
    assert!(
        matches!(&wrong, PullError::Registry { failure: RegistryFailure::NotFound, attempts, .. }
        if attempts.is_empty()),
        "{wrong:?}"
    );
    assert!(matches!(engine.pull(&missing, &nobody, QUICK, |_| ()).await, Err(PullError::Unpinned(_))));
}

#[tokio::test]
async fn a_registry_with_a_password_takes_given_and_configured_credentials() {
    let engine = engine().await;
    let registry = Registry::start(&Access::Password);
    let mut image = TestImage::build(1000);
    let pinned = registry.publish(&mut image, "team/private");
    let right = Credentials::given(USER, Secret::new(PASSWORD));
    let wrong = Credentials::given(USER, Secret::new("not-the-password"));

    for credentials in [&wrong, &Credentials::anonymous()] {
        let answer = engine.resolve(&tagged(&pinned), credentials, LIMIT).await.unwrap();
        assert!(matches!(answer, Resolution::Failed(RegistryFailure::Unauthorized { .. })), "{answer:?}");
        let error = engine.pull(&pinned, credentials, QUICK, |_| ()).await.unwrap_err();
        let PullError::Registry { failure: RegistryFailure::Unauthorized { .. }, attempts, .. } = &error
        else {
            panic!("{error:?}")
        };
        assert!(attempts.is_empty(), "a refusal is not tried again");
        assert!(error.hint().unwrap().contains("docker login"));
        assert!(!error.to_string().contains("not-the-password"));
    }
    let answer = engine.resolve(&tagged(&pinned), &right, LIMIT).await.unwrap();
    assert!(matches!(answer, Resolution::Found { .. }), "{answer:?}");

    let settings =
        EngineSettings { config_dir: Some(registry.folder.path().into()), ..EngineSettings::default() };
    let configured = Credentials::configured(&settings, pinned.registry()).await.unwrap();
    engine.pull(&pinned, &configured, QUICK, |_| ()).await.unwrap();
}

#[tokio::test]
async fn a_registry_that_is_gone_or_hangs_is_unreachable() {
    let engine = engine().await;
    let registry = Registry::start(&Access::Open);
    let reference: ImageRef = format!("{}/team/product:1.0.0", registry.host).parse().unwrap();
    let nobody = Credentials::anonymous();

    registry.signal(Signal::STOP);
    let started = Instant::now();
    let answer = engine.resolve(&reference, &nobody, Duration::from_secs(2)).await.unwrap();
    assert!(
        matches!(&answer, Resolution::Failed(RegistryFailure::Unreachable { why }) if why.contains("2 s"))
    );
    assert!(started.elapsed() < Duration::from_secs(4));
    let limits = PullLimits { stall: Duration::from_secs(1), ..QUICK };
    let error = engine.pull(&absent(&reference), &nobody, limits, |_| ()).await.unwrap_err();
    assert!(
        matches!(&error, PullError::Registry { failure, attempts, .. }
        if failure.is_transient() && attempts.len() == 1),
        "{error:?}"
    );
    registry.signal(Signal::CONT);
    drop(registry);

    let answer = engine.resolve(&reference, &nobody, LIMIT).await.unwrap();
    assert!(matches!(&answer, Resolution::Failed(RegistryFailure::Unreachable { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_pull_that_stops_half_way_is_given_up() {
    let engine = engine().await;
    let registry = Registry::start(&Access::Open);
    let mut image = TestImage::build(60_000_000);
    let pinned = registry.publish(&mut image, "team/large");
    let limits = PullLimits { stall: Duration::from_secs(2), attempts: 1, ..QUICK };
    let mut stopped_at = None;
    let nobody = Credentials::anonymous();
    let pull = engine.pull(&pinned, &nobody, limits, |progress| {
        if progress.bytes_done > 0 && stopped_at.is_none() {
            registry.signal(Signal::STOP);
            stopped_at = Some(progress);
        }
    });
    let error = tokio::time::timeout(LIMIT, pull).await.expect("bounded").unwrap_err();
    registry.signal(Signal::CONT);
    assert!(stopped_at.is_some_and(|progress| progress.bytes_done < progress.bytes_total), "{stopped_at:?}");
    assert!(
        matches!(&error, PullError::Registry { failure: RegistryFailure::Unreachable { .. }, .. }),
        "{error:?}"
    );
    assert_eq!(engine.image(&pinned).await.unwrap(), None);
}

#[tokio::test]
async fn a_damaged_layer_is_found_out() {
    let engine = engine().await;
    let registry = Registry::start(&Access::Open);
    let mut image = TestImage::build(NOISE);
    let pinned = registry.publish(&mut image, "team/damaged");
    let path = registry.large_blob(NOISE as u64);
    let mut blob = std::fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    blob.seek(SeekFrom::Start(NOISE as u64 / 2)).unwrap();
    blob.read_exact(&mut byte).unwrap();
    blob.seek(SeekFrom::Start(NOISE as u64 / 2)).unwrap();
    blob.write_all(&[byte[0] ^ 1]).unwrap();
    let error = engine.pull(&pinned, &Credentials::anonymous(), QUICK, |_| ()).await.unwrap_err();
    assert!(
        matches!(&error, PullError::Registry { failure: RegistryFailure::Corrupt { .. }, .. }),
        "{error:?}"
    );
    assert_eq!(engine.image(&pinned).await.unwrap(), None);
}
