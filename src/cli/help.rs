//! What stands under the help of each command: what it does to an install, and how it is used.

/// What stands under the help of `opsctl` itself.
pub(super) const OPSCTL: &str = "\
A command that changes something shows its plan, asks, and records each step before it takes it:
what was interrupted is resumed or undone. Begin with `opsctl status`; the others only look.

Exit status (`opsctl explain 6` tells more of one):
  0  done and verified
  1  failed; nothing was changed, or what was changed has been undone
  2  usage, or consent that was not given
  3  refused by a check; nothing was changed
  4  failed, and rolled back: the previous release and data are serving
  5  interrupted: `opsctl resume` goes on, `opsctl abort` undoes
  6  inconsistent: could not go forward or back; the message says what to do
  7  another operation holds the install
  8  done, with warnings (only with --strict)
  9  past the commit point and not well: the new release is in place";

pub(super) const STATUS: &str = "\
Changes nothing. What cannot be seen, such as a database that is down, says why; an operation
that runs or did not end is shown with its steps.";

pub(super) const PREFLIGHT: &str = "\
Changes nothing. Checks run side by side: the machine, the environment file, the image, the database
and the product. One that does not hold ends it with status 3; with --strict, a warning with 8.
Categories are host, env, image, release, db, store and product; `opsctl explain CHECK` tells more of a check.

Examples:
  opsctl preflight --only db-pooler,db-tls
  opsctl preflight --skip product --output json";

pub(super) const VERIFY: &str = "\
For after a restore, an incident, or a doubt. The product's own scan may take long; its key comes
from OPSCTL_PLATFORM_KEY, from a file, from the environment file, or is asked for at a terminal.
A proof that fails, or cannot be had, ends it with status 3.

Examples:
  opsctl verify
  opsctl verify --skip verify-data
  opsctl verify --smoke --platform-key-file /root/platform.key";

pub(super) const SUPPORT_BUNDLE: &str = "\
Changes nothing, sends nothing, and works on an install that does not. What is secret is masked on
the way in; the finished file is opened again and searched, and deleted if anything is found. What
could not be collected is named in it. Look at it before you send it: index.html in it opens in any
browser.

Examples:
  opsctl support-bundle --preview
  opsctl support-bundle --since 2h
  opsctl support-bundle --encrypt-to age1...";

pub(super) const BACKUP: &str = "\
A backup is taken while the product serves. It is read back in full before it gets its name, and
only then are backups removed that retention does not keep. Without a command, one is taken.

Examples:
  opsctl backup --keep 14
  opsctl backup verify latest --restore";

pub(super) const RESTORE: &str = "\
The backup is loaded and compared beside the live data while the product serves; then the product
is stopped and the two are swapped. The replaced data is kept until the next restore.

Examples:
  opsctl restore latest --plan
  opsctl restore backup/backup-2026-03-14-020000.tar.gz
  opsctl restore --undo";

pub(super) const UPGRADE: &str = "\
Takes a backup, stops what writes, takes a restore point, migrates, proves the new release where
no client can reach it, and only then lets it serve. Whatever fails before that is rolled back by
itself and loses nothing.

A rehearsal is made beside the product, which goes on: of a Compose product on a server of its own,
of a process on a copy of its store. What was made for it is removed.

Examples:
  opsctl upgrade 1.3.0 --plan
  opsctl upgrade 1.3.0 --rehearse
  opsctl upgrade 1.3.0
  opsctl upgrade 1.3.0 --non-interactive --output json";

pub(super) const ROLLBACK: &str = "\
What was written since the upgrade leaves the live data: how much that is, is measured and shown
before it asks, and the replaced database is kept beside. Needs no network.

Examples:
  opsctl rollback --plan
  opsctl rollback --version 1.2.0 --backup latest";

pub(super) const ROTATE: &str = "\
Every replica has to prove that it has the new value beside the old one before anything depends on
it; then the old one goes. Keys work throughout; clients only wait while a container is made anew.

  api-key-secret     all keys are re-hashed, which cannot be undone: it asks, and a verified
                     backup stands behind it. Until then `opsctl abort` goes back.
  vault-signing-key  the product's image makes the new key; old entries still verify.
  postgres-password  the bundled server takes one at a time: the server and the services are made
                     anew, and clients see two short restarts. Needs no platform key.
  store              no secret, but the data of a product that keeps one file: it is archived, and
                     a new one is begun.

A platform key (OPSCTL_PLATFORM_KEY) is tried at every stage. Values are never shown.

Examples:
  opsctl rotate --status
  opsctl rotate api-key-secret --pause-after dual";

pub(super) const RESUME: &str = "\
Looks at what the interrupted step left, does it again where it must, and goes on to the end.
`opsctl status` shows how far the operation came.";

pub(super) const ABORT: &str = "\
Undoes the steps that were taken, last one first, until the previous release and data serve.
`opsctl status` shows how far the operation came.

With --leave nothing is undone: opsctl says where everything stands and which commands would undo
it, records that a person takes over, and lets go of the install. Needs neither Docker nor the
database.";

pub(super) const HISTORY: &str = "\
Changes nothing, and needs neither Docker nor the database.

Examples:
  opsctl history
  opsctl history show 20260314-120000-upgrade";

pub(super) const BUNDLE_REDACT: &str = "\
Needs no Docker, and no install: secrets are known from the install's environment file, if there is
one, and from the files named with --env-file; others are found by where they stand and what they
look like. Compressed and UTF-16 files are written as plain text. A file that cannot be read to its
end is not written at all, and ends it with status 1; the others are done. Read the result before
you hand it on.

Examples:
  docker logs ledger-api 2>&1 | opsctl support-bundle redact
  opsctl support-bundle redact --env-file .env --output-dir /tmp/redacted api.log worker.log.gz";

pub(super) const EXPLAIN: &str = "\
Changes nothing, and needs no install. Errors and checks name what they are explained under.

Examples:
  opsctl explain db-pooler
  opsctl explain exit-6
  opsctl explain --output json migration-failed";

pub(super) const INIT: &str = "\
Products of Compose that opsctl knows need no opsctl.toml. One that is there is never overwritten. A
folder with `releases` and without Compose files is taken for that of a collector.

With --systemd a unit is written beside it, from what opsctl.toml says, for `systemctl enable` to
take from there; a new opsctl.toml names it, so that systemd starts and stops the product. For an
owner who is not root a rule of polkit is written too, which lets that one start and stop it.

Examples:
  opsctl init
  opsctl --dir /srv/collector init --product collector --systemd";

pub(super) const COMPLETIONS: &str = "\
Examples:
  opsctl completions bash > /etc/bash_completion.d/opsctl
  opsctl completions zsh > /usr/local/share/zsh/site-functions/_opsctl
  opsctl completions fish > ~/.config/fish/completions/opsctl.fish";

pub(super) const MAN: &str = "\
Example:
  opsctl man > /usr/local/share/man/man1/opsctl.1";

pub(super) const LOGS_STATS: &str = "\
Changes nothing. What is counted is said in the description, under [logs]; without it, warnings and
errors are. Lines that are no JSON are counted as such. Of each container at most the last 64 MiB
are read. A collector's ingest, conflict and error rates:

Examples:
  opsctl logs stats --since 1h --per second
  journalctl -u collector -o cat | opsctl logs stats --product collector --file -
  opsctl logs stats --product collector --file /var/log/collector.log --series --output json";

pub(super) const SUPPORT_BUNDLE_INSPECT: &str = "\
Needs no install, changes nothing, and unpacks nothing. Members are compared with what the manifest
says of them. What it finds is its result: it ends with status 0, and with 1 where FILE is no bundle.

Examples:
  opsctl support-bundle inspect support-bundle-2026-03-14-023000.tar.gz
  opsctl support-bundle inspect support-bundle-2026-03-14-023000 --page index.html";

pub(super) const START: &str = "\
For a product that is one process and one SQLite file. It is started from `current`, in a session of
its own, and goes on when opsctl ends; after a restart of the machine, this starts it again. It has
to pass its gates: alive, healthy, on its version. Compose products are started by Compose.

Where its releases are fetched, the SHA-256 of the archive has to be known: it is published beside
it over https, or given here. A download that broke off goes on where it ended.

Examples:
  opsctl start 1.0.0
  opsctl start";

pub(super) const STOP: &str = "\
It is asked to end, given its time, and only then killed, which is said.";
