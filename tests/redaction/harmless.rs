//! What support needs to see, and is no secret.

use opsctl::redaction::{KnownSecrets, Redaction, TokenKey};

use super::{redacted, redaction};

/// Each stays as it is, alone and among others.
const LINES: &[&str] = &[
    "2026-03-14T02:30:00.123Z",
    "Mar 14 02:30:00 ledger-host dockerd[812]",
    "14/Mar/2026:02:30:00 +0000",
    "1773455400.123",
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "9f2c1e7a-0b1d-4c3e-8f5a-6b7c8d9e0f1a",
    "sha256:0f3e9c1d2b4a5968778695a4b3c2d1e0ff1e2d3c4b5a69788796a5b4c3d2e1f0",
    "ghcr.io/example/ledger@sha256:0f3e9c1d2b4a5968778695a4b3c2d1e0ff1e2d3c4b5a69788796a5b4c3d2e1f0",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b",
    "f2ca1bb6c7e907d06dafe4687e579fce76b37e4e93b7605022da52e6ccc26fd2",
    "container 5d41402abc4b exited",
    "/var/lib/docker/overlay2/9a0364b9e99bb480dd25e1f0284c8555/merged",
    r#"etag: W/"33a64df551425fcc55e4d42a148795d9f25f89d4""#,
    "md5:d41d8cd98f00b204e9800998ecf8427e",
    "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDQiHQ3A2J9fx6xEUs",
    "10.0.0.17:5432",
    "[2001:db8::1]:443",
    "fe80::42:acff:fe11:2",
    "02:42:ac:11:00:02",
    "db.internal:5432",
    "https://ledger.example.org:3001/v1/health",
    "postgres://db.internal:5432/ledger?sslmode=require",
    "redis://cache.internal:6379/0",
    "GET /v1/entries?limit=50&offset=100 HTTP/1.1",
    "GET /api/v2/accounts/42/balance 200 12ms",
    "POST /auth/login 401",
    "/usr/lib/node_modules/@example/ledger/dist/main.js:120:33",
    "at Object.<anonymous> (/app/dist/server.js:10:15)",
    "at async Promise.all (index 0)",
    "ledger_api_keys_total 42",
    r#"http_request_duration_seconds_bucket{le="0.5",route="/v1/tokens"} 129"#,
    "process_resident_memory_bytes 1.234e+08",
    r#"pg_stat_activity_count{state="idle"} 4"#,
    r#"auth_failures_total{reason="expired"} 2"#,
    r#"relation "api_keys" does not exist"#,
    r#"column "password_hash" of relation "users" does not exist"#,
    "CREATE TABLE public.users (id uuid, email text, password_hash text)",
    "CREATE INDEX idx_tokens_expires_at ON tokens (expires_at)",
    "SELECT id, name FROM accounts WHERE id = $1",
    r#"duplicate key value violates unique constraint "accounts_pkey""#,
    "Key (id)=(42) already exists.",
    r#"FATAL:  password authentication failed for user "ledger""#,
    "FATAL:  remaining connection slots are reserved",
    "ERROR:  canceling statement due to statement timeout",
    "LOG:  checkpoint complete: wrote 42 buffers (0.3%)",
    "LOG:  connection received: host=10.0.0.5 port=51234",
    "LOG:  connection authorized: user=ledger database=ledger",
    "LOG:  database system is ready to accept connections",
    r#"could not translate host name "db.internal" to address"#,
    "SSL error: certificate verify failed",
    "password: [REDACTED]",
    "password=***",
    r#""password": null"#,
    r#""token": "<redacted>""#,
    "POSTGRES_PASSWORD is not set",
    "set POSTGRES_PASSWORD in .env",
    "the password must have at least 12 characters",
    "invalid token supplied",
    "token expired",
    "session closed by the client",
    "no api key was given",
    "secret rotation is due in 3 days",
    "rotating the signing key",
    "key not found",
    "cache miss for key user:42",
    "idempotency-key header is missing",
    "primary key (id)",
    "partition key tenant",
    "2 keys were rotated",
    "max_tokens=4096",
    "token_count=17",
    "keyspace events are off",
    "author=ada",
    "monkey=banana",
    "compass=north",
    "passenger count: 3",
    "bypass=true",
    "tests: pass=12 fail=0",
    "password_changed_at=2026-03-14",
    "secret_name=billing",
    "auth_method=scram-sha-256",
    "authentication: scram-sha-256",
    "hashing with argon2id",
    "algorithm RS256",
    "TLSv1.3 TLS_AES_256_GCM_SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "Content-Type: application/json; charset=utf-8",
    "Accept-Encoding: gzip, deflate, br",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
    "Cache-Control: no-store, max-age=0",
    "X-Request-Id: 9f2c1e7a-0b1d-4c3e-8f5a-6b7c8d9e0f1a",
    "Strict-Transport-Security: max-age=31536000",
    "NODE_ENV=production",
    "LOG_LEVEL=info",
    "PORT=3001",
    "TZ=Europe/Berlin",
    "LANG=C.UTF-8",
    "HOME=/root",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
    "PWD=/opt/ledger",
    "POSTGRES_PASSWORD_FILE=/run/secrets/pg_password",
    "DATABASE_POOL_MAX=20",
    "IMAGE_TAG=1.4.2",
    "GIT_SHA=3f786850e387550fdab836ed7e6dc881de23001b",
    "APP_RELEASE=3f786850e387550fdab836ed7e6dc881de23001b",
    "BACKUP_CRON=0 3 * * *",
    "ALLOWED_ORIGINS=https://a.example.org,https://b.example.org",
    "restart: unless-stopped",
    "image: ghcr.io/example/ledger:1.4.2",
    "healthcheck: curl -fsS http://localhost:3001/health",
    "mem_limit: 512m",
    "network ledger_default declared as external",
    "Container ledger-api-1 Started",
    "Error response from daemon: No such container: ledger-api-1",
    "exited with code 137 (OOMKilled)",
    "/dev/sda1        40G   31G  7.1G  82% /",
    "Mem:           7.7Gi       3.1Gi       1.2Gi",
    "load average: 0.42, 0.36, 0.30",
    "Linux ledger-host 6.1.0-18-amd64 #1 SMP Debian",
    "Docker version 27.1.1, build 6312585",
    "PostgreSQL 16.3 (Debian 16.3-1.pgdg120+1)",
    "node v20.14.0",
    "npm WARN deprecated har-validator@5.1.5",
    "integrity sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
    r#""resolved": "https://registry.npmjs.org/pino/-/pino-9.1.0.tgz""#,
    "thread 'main' panicked at src/main.rs:10:5",
    "core::result::unwrap_failed",
    "_ZN4core6result13unwrap_failed17h1234567890abcdefE",
    "goroutine 17 [running]:",
    "main.(*Server).handle(0xc0000b4000)",
    "Traceback (most recent call last):",
    r#"File "/app/main.py", line 12, in connect"#,
    "java.sql.SQLException: Connection refused",
    "at com.example.ledger.TokenService.verify(TokenService.java:42)",
    "org.springframework.security.authentication.BadCredentialsException",
    "com.zaxxer.hikari.pool.HikariPool",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5vdEFSZWFsS2V5Tm90QVJlYWxLZXlOb3RBUmVhbA ops@host",
    "pg_dump -h db.internal -U ledger -Fc ledger",
    "psql -p 5432 -U ledger",
    "docker run -p 8080:80 nginx",
    "mkdir -p /var/backups/ledger",
    "curl -fsS https://ledger.example.org/health",
    "tar -xzf backup-2026-03-14-023000.tar.gz",
    "support-bundle-2026-03-14-023000.tar.gz",
    "restored 42 of 42 tables",
    "migration 20260314023000_add_tokens applied",
    "step 3 of 9: stop the services",
    "rollback to 1.4.1 finished in 12.3s",
    "contact ops@example.org",
    "user ada@example.org signed in",
    "COMPANY=Müller & Söhne GmbH",
    "Grüße aus Köln",
    "queue depth 17, oldest 3s",
    "0xc0000b4000",
    "0x7f3a2c001b40",
    "rate limit 100 req/min",
    "AKIA is how access keys begin",
    "req 01HF7YAT00ZJ4Q2X8K5M3N9PRT done",
    "cf-ray: c4f1b92cba6efb16-FRA",
    "x-amz-id-2: GynRjLe7LZs7/G0LcpgaoYAaQkHet8UxpYyVCobDetCKxUgQXqKzhyCTuFPV9jBQaFTbpBNqvwg=",
    "PublicKey = z13AGf0OB22LTpHPwK/XJ7xbzHvNLvbTAy7+G/EH+So=",
    "existingSecret: ledger-db",
    "libcrypto.so.3(EVP_DigestSignFinal+0x1a2)",
    "pwd=/root",
    "X509v3 Subject Key Identifier: 8A:A2:BE:BA:F5:2D:EA:DB:C9:5F:44:05:35:35:E6:F9:75:6D:8D:50",
    "TOKEN:        <set to the key 'token' in secret 'app'>  Optional: false",
    "v0.0.0-20261126023000-0f3e9c1d2b4a",
    "api-7d9f8b6c5d-x2x7k",
    "x-amzn-trace-id: Root=1-67891233-abcdef012345678912345678",
    "000000010000002A000000FE",
];

#[test]
fn what_is_no_secret_stays() {
    let redaction = redaction("POSTGRES_PASSWORD=Zk8-notReal-Wq31vB\nLEDGER_NAME=ledger\n");
    let lost: Vec<String> = LINES
        .iter()
        .map(|line| (line, redacted(&redaction, format!("{line}\n").as_bytes())))
        .filter(|(line, shown)| !shown.contains(*line))
        .map(|(line, shown)| format!("{line} -> {shown}"))
        .collect();
    assert!(lost.is_empty(), "{} are lost:\n{}", lost.len(), lost.join(""));
    assert!(LINES.len() >= 150, "{}", LINES.len());
}

#[test]
fn what_is_no_secret_stays_among_the_rest_of_a_log() {
    let redaction = redaction("POSTGRES_PASSWORD=Zk8-notReal-Wq31vB\n");
    let prefixed: Vec<String> =
        LINES.iter().map(|line| format!("2026-03-14T02:30:00Z ledger-api-1  | {line}")).collect();
    let shown = redacted(&redaction, prefixed.join("\n").as_bytes());
    let lost: Vec<&String> = prefixed.iter().filter(|line| !shown.contains(line.as_str())).collect();
    assert!(lost.is_empty(), "{} are lost: {lost:#?}", lost.len());
}

#[test]
fn of_a_file_that_is_a_document_only_its_secrets_are_masked() {
    let mut known = KnownSecrets::default();
    let file = r#"{"version": "1.0.0", "schema": 1, "fault": null, "password": "Zr8pl0ntedNotReal7Qx"}"#;
    known.learn_file("SETTINGS_FILE", file);
    let redaction = Redaction::new(&known, TokenKey::new([9; 32]));
    let other = r#"{"tool": "0.1.0", "schema": 1, "version": "1.0.0", "fault": null, "said": "Zr8pl0ntedNotReal7Qx"}"#;
    let shown = redacted(&redaction, other.as_bytes());
    let (before, _) = other.split_once("Zr8").unwrap();
    assert!(shown.starts_with(before) && !shown.contains("Zr8pl0nted"), "{shown}");
}
