//! Who is asking: bearer keys, their roles, and a cache of both.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{Request, State},
    http::header,
    middleware::Next,
    response::Response,
};

use super::{ApiError, App};
use crate::{api_key::Fingerprint, store::api_keys::Role};

/// How long an answer is believed if no notification overrules it before.
const BELIEVED: Duration = Duration::from_secs(30);
pub(super) const CAPACITY: usize = 10_000;

/// Roles of keys that were looked up lately. Unknown keys are not kept.
#[derive(Default)]
pub(super) struct AuthCache(Mutex<HashMap<Fingerprint, (Role, Instant)>>);

impl AuthCache {
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn get(&self, fingerprint: Fingerprint) -> Option<Role> {
        let known = self.lock().get(&fingerprint).copied();
        known.filter(|(_, since)| since.elapsed() < BELIEVED).map(|(role, _)| role)
    }

    fn insert(&self, fingerprint: Fingerprint, role: Role) {
        let mut known = self.lock();
        if known.len() >= CAPACITY {
            known.clear();
        }
        known.insert(fingerprint, (role, Instant::now()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Fingerprint, (Role, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets requests with a known key pass and hands their role on.
pub(super) async fn authenticate(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let key = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(bearer)
        .ok_or(ApiError::Unauthorized)?;
    let fingerprint = Fingerprint::of(key);
    let role = if let Some(role) = app.auth_cache.get(fingerprint) {
        app.metrics.cache_hit();
        role
    } else {
        app.metrics.cache_miss();
        let hashes = app.secrets.hashes(fingerprint);
        let role = app.store.role_of_key(&hashes).await?.ok_or(ApiError::Unauthorized)?;
        app.auth_cache.insert(fingerprint, role);
        role
    };
    request.extensions_mut().insert(role);
    Ok(next.run(request).await)
}

/// Lets platform keys pass; runs behind [`authenticate`].
pub(super) async fn require_platform(request: Request, next: Next) -> Result<Response, ApiError> {
    match request.extensions().get::<Role>() {
        Some(Role::Platform) => Ok(next.run(request).await),
        Some(Role::Enterprise | Role::Agent) => Err(ApiError::Forbidden),
        None => Err(ApiError::Unauthorized),
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim()).filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bearer_credentials_are_read() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer abc "), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("Bearer "), None);
    }

    #[test]
    fn a_cleared_cache_knows_nothing() {
        let cache = AuthCache::default();
        cache.insert(Fingerprint::of("key"), Role::Agent);
        assert_eq!(cache.get(Fingerprint::of("key")), Some(Role::Agent));
        cache.clear();
        assert_eq!(cache.get(Fingerprint::of("key")), None);
    }
}
