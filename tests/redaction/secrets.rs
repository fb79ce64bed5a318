//! Secrets that nobody told of, by where they stand.

use super::{piece_left, redacted, redaction};

/// Obviously made up: each is put into every line.
const SECRETS: [&str; 2] = ["Zk8-notReal-Wq31vB", "n0tR3alN0tR3alQx7Lm2"];

/// A kind of log, and its lines; `{}` is where the secret stands.
const KINDS: &[(&str, &[&str])] = &[
    (
        "key and value",
        &[
            "db_password={} host=db.internal",
            "level=info msg=\"connected\" api_key={} took=3ms",
            "client_secret: {}",
            "smtp-password = \"{}\"",
            "--access-token={} --verbose",
            "requirepass {}\nmaxmemory 1gb\nrequirepass={}",
        ],
    ),
    (
        "JSON",
        &[
            r#"{"level":30,"user":"ada","password":"{}","time":1}"#,
            r#"{"config":{"auth":{"clientSecret": "{}"}}}"#,
            r#"{"headers":{"authorization":"Bearer {}","accept":"*/*"}}"#,
            r#"{"env":["A=1","SECRET_KEY={}"]}"#,
        ],
    ),
    (
        "JSON in JSON",
        &[
            r#"{"msg":"{\"password\":\"{}\",\"user\":\"ada\"}"}"#,
            r#"{"log":"{\"msg\":\"{\\\"apiKey\\\":\\\"{}\\\"}\"}\n"}"#,
        ],
    ),
    (
        "addresses",
        &[
            "connecting to postgres://app:{}@db.internal:5432/ledger?sslmode=require",
            "redis://:{}@cache.internal:6379/0 is down",
            "GET https://api.example.org/v1/items?limit=5&access_token={}&page=2",
            "amqp://worker:{}@queue.internal/jobs",
            "dsn=mysql://root:{}@tcp(db:3306)/ledger",
        ],
    ),
    (
        "libpq",
        &[
            "host=db.internal user=app password='{}' dbname=ledger",
            "psql: error: connection to \"host=db password={} user=app\" failed",
            "db.internal:5432:ledger:app:{}",
        ],
    ),
    (
        "SQL",
        &[
            "STATEMENT: ALTER ROLE app WITH LOGIN PASSWORD '{}';",
            "CREATE USER app IDENTIFIED BY '{}'",
            "STATEMENT: INSERT INTO accounts (id, email, password) VALUES (7, 'ada@example.org', '{}')",
            "UPDATE settings SET secret = '{}' WHERE id = 4",
            "ERROR: syntax error at \"ALTER USER app PASWORD '{}'\"",
        ],
    ),
    ("COPY", &["COPY public.clients (id, client_secret, name) FROM stdin;\n1\t{}\tAda\n\\.\n"]),
    (
        "HTTP",
        &[
            "> Authorization: Bearer {}",
            "< Set-Cookie: session={}; Path=/; HttpOnly",
            "X-Api-Key: {}",
            "proxy-authorization: Token {}",
            "Cookie: theme=dark; sid={}",
        ],
    ),
    (
        "command lines",
        &[
            "mysql -h db -u root -p{} ledger",
            "curl -s -u admin:{} https://api.example.org/",
            "redis-cli -a {} ping",
            "node server.js --client-secret {} --port 3000",
            r#"["agent","--token","{}","--quiet"]"#,
        ],
    ),
    (
        "shell traces",
        &["+ export DB_PASSWORD={}", "+ PGPASSWORD={} psql -h db.internal", "DEPLOY_TOKEN='{}' make release"],
    ),
    ("process environments", &["HOME=/root DB_PASSWORD={} LANG=C.UTF-8", "declare -x AUTH_SECRET=\"{}\""]),
    (
        "Rust",
        &[
            r#"Config { host: "db", password: "{}", port: 5432 }"#,
            r#"Login { token: Some("{}"), user: None }"#,
        ],
    ),
    ("Go", &["{Host:db Password:{} Port:5432}", r#"&Config{Name:"a", ClientSecret:"{}", Retries:3}"#]),
    (
        "Python",
        &[
            "{'user': 'ada', 'password': '{}', 'port': 1}",
            "Login(user='ada', api_token='{}')",
            "TypeError: connect() got password=b'{}'",
        ],
    ),
    ("Java", &["spring.datasource.password={}", "Login[user=ada, password={}, port=1]"]),
    ("Ruby and PHP", &["{:user=>\"ada\", :password=>\"{}\"}", "'password' => '{}',"]),
    ("YAML", &["  password: \"{}\"", "stringData:\n  api-token: {}\n", "- name: DB_PASSWORD\n  value: {}"]),
    ("XML", &["<user>ada</user><password>{}</password>", r#"<add key="ApiSecret" value="{}" />"#]),
    ("INI and TOML", &["[db]\nuser = ada\npassword = {}\n", "secret_key = '{}'"]),
    (
        "access logs",
        &[
            "10.0.0.1 - - [14/Mar/2026:02:30:00 +0000] \"GET /cb?token={} HTTP/1.1\" 200 12",
            "10.0.0.1 \"POST /login?user=ada&password={} HTTP/2\" 401",
        ],
    ),
    ("encoded", &["form=user%3Dada%26password%3D{}%26x%3D1", "<td>password=&quot;{}&quot;</td>"]),
    (
        "coloured",
        &[
            "\u{1b}[32mpassword\u{1b}[0m=\u{1b}[33m{}\u{1b}[0m",
            "postgres://app:\u{1b}[1m{}\u{1b}[0m@db.internal/ledger",
        ],
    ),
    ("cut", &["conn postgres://app:{}", r#"{"level":30,"client_secret":"{}"#, "Authorization: Bearer {}..."]),
    ("sentences", &["the password is \"{}\"", "invalid password: {}", "logged in with token={}, retrying"]),
    (
        "tables",
        &[
            " user | password | role\n------+----------+------\n ada  | {} | admin\n",
            "+------+----------+\n| user | password |\n+------+----------+\n| ada  | {} |\n",
            "-[ RECORD 1 ]----\nuser     | ada\npassword | {}\n",
            "user,password,role\nada,{},admin\n",
        ],
    ),
    (
        "the next line",
        &[
            "password:\n  {}\nport: 80\n",
            "passwords:\n  - x\n  - {}\nport: 80\n",
            "password = <<EOT\n{}\nEOT\nx = 1\n",
            "Content-Disposition: form-data; name=\"password\"\r\n\r\n{}\r\n--x--\r\n",
            "Authorization: Bearer abc0\n {}\nAccept: */*\n",
        ],
    ),
    (
        "what a sentence tells",
        &[
            "Temporary password for ada: {} (change it)\n",
            "DB password for app is: {}\n",
            "Please use the following password to proceed to installation:\n\n{}\n\n",
        ],
    ),
    (
        "build files",
        &["FROM x\nENV DB_PASSWORD {}\nRUN make\n", "ENV A=1 SECRET_KEY={} B=2\n", "SetEnv API_TOKEN {}\n"],
    ),
    (
        "Redis",
        &[
            "1764110000.1 [0 db:5] \"AUTH\" \"{}\"",
            "1764110000.1 [0 db:5] \"AUTH\" \"app\" \"{}\"",
            "masterauth {}\n",
        ],
    ),
    ("PowerShell", &["ConvertTo-SecureString \"{}\" -AsPlainText -Force\r\n", "$env:DB_PASSWORD = '{}'\r\n"]),
    ("attributes", &["<wsse:Password Type=\"http://docs.oasis-open.org/x#PasswordText\">{}</wsse:Password>"]),
    ("other addresses", &["jdbc:oracle:thin:scott/{}@//db:1521/ORCL", "sqlplus scott/{}@//db:1521/ORCL"]),
    ("directories", &["bindpw {}\n", "curl --user 'ada:{}' https://api.example.org/"]),
    ("netrc", &["machine api.example.org login ada password {}"]),
    (
        "vendors",
        &[
            "using ghp_{}aaaa1111bbbb to push",
            "stripe sk_live_{}0000 charged",
            "posted to https://hooks.slack.com/services/T00/B00/{}",
        ],
    ),
];

#[test]
fn no_secret_comes_through() {
    let redaction = redaction("");
    let mut lines = 0;
    let mut left = Vec::new();
    for (kind, templates) in KINDS {
        for template in *templates {
            for secret in SECRETS {
                lines += 1;
                let shown = redacted(&redaction, template.replace("{}", secret).as_bytes());
                if let Some(piece) = piece_left(secret, &shown) {
                    left.push(format!("{kind}: {piece} of {secret} in {shown}"));
                }
            }
        }
    }
    assert!(left.is_empty(), "{} are left:\n{}", left.len(), left.join("\n"));
    assert!(KINDS.len() >= 20 && lines >= 150, "{} kinds, {lines} secrets", KINDS.len());
}
