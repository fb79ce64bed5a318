//! The database server of the world in memory.

use opsctl::error::Fault;
use opsctl::model::database_name::DatabaseName;
use opsctl::model::secret::Secret;
use opsctl::plan::rotation::OnRecord;
use opsctl::ports::{CopyState, Databases, Passwords, Schema, WriteMark, Written};

use super::Fake;
use super::install::{Content, Database, Install, LIVE, Role};

impl Databases for &Fake {
    async fn exists(&self, database: &DatabaseName) -> Result<bool, Fault> {
        Ok(self.look(|install| install.databases.contains_key(&database.to_string())))
    }

    async fn copy(&self, from: &DatabaseName, to: &DatabaseName) -> Result<(), Fault> {
        self.boundary("before a database is copied")?;
        let (from, to) = (from.to_string(), to.to_string());
        let content = self.change(|install| -> Result<_, Fault> {
            if install.databases.get(&to).is_some_and(|database| database.copy_of.is_some()) {
                return Ok(None);
            }
            refuse_while_in_use(install, &from)?;
            let source = install.databases.get(&from).ok_or_else(|| absent(&from))?;
            let content = source.content.clone();
            let whole = Database { content: content.clone(), whole: true, copy_of: None };
            install.databases.insert(to.clone(), whole);
            Ok(Some(content))
        })?;
        if let Some(content) = content {
            self.boundary("between copying and marking the copy")?;
            self.change(|install| {
                if let Some(copy) = install.databases.get_mut(&to) {
                    copy.copy_of = Some(content);
                }
            });
        }
        self.boundary("after a database is copied")
    }

    async fn create_empty(&self, database: &DatabaseName) -> Result<(), Fault> {
        self.boundary("before an empty database is made")?;
        let name = database.to_string();
        self.change(|install| install.databases.insert(name, Database::whole(Content::nothing("fresh"))));
        self.boundary("after an empty database is made")
    }

    async fn swap(
        &self,
        live: &DatabaseName,
        incoming: &DatabaseName,
        outgoing: &DatabaseName,
    ) -> Result<(), Fault> {
        self.boundary("before a swap")?;
        let (live, incoming, outgoing) = (live.to_string(), incoming.to_string(), outgoing.to_string());
        self.change(|install| {
            let is_there = |name: &String| install.databases.contains_key(name);
            match (is_there(&incoming), is_there(&outgoing)) {
                (false, true) => return Ok(()),
                (true, false) => {}
                (true, true) => return Err(Fault::new(format!("{outgoing} is there already"))),
                (false, false) => return Err(absent(&incoming)),
            }
            if let Err(fault) = refuse_while_in_use(install, &live) {
                install.violations.push(format!("swapped while in use: {fault}"));
            }
            let replaced = install.databases.remove(&live).ok_or_else(|| absent(&live))?;
            let replacing = install.databases.remove(&incoming).ok_or_else(|| absent(&incoming))?;
            if !replacing.whole {
                install.violations.push(format!("{incoming} was swapped in and is not whole"));
            }
            install.databases.insert(live, replacing);
            install.databases.insert(outgoing, replaced);
            Ok(())
        })?;
        self.boundary("after a swap")
    }

    async fn changed_since_copy(&self, live: &DatabaseName, copy: &DatabaseName) -> Result<CopyState, Fault> {
        self.look(|install| {
            let live = install.databases.get(&live.to_string()).ok_or_else(|| absent(&live.to_string()))?;
            let marked = install.databases.get(&copy.to_string()).and_then(|copy| copy.copy_of.as_ref());
            Ok(match marked {
                None => CopyState::NoCopy,
                Some(content) if *content == live.content => CopyState::Unchanged,
                Some(_) => CopyState::Changed,
            })
        })
    }

    async fn drop(&self, database: &DatabaseName) -> Result<(), Fault> {
        self.boundary("before a database is dropped")?;
        let name = database.to_string();
        self.change(|install| {
            if name == LIVE {
                install.violations.push("the live database was dropped".to_owned());
            }
            install.databases.remove(&name);
        });
        self.boundary("after a database is dropped")
    }

    async fn schema(&self, database: &DatabaseName) -> Result<Schema, Fault> {
        self.look(|install| {
            let name = database.to_string();
            let database = install.databases.get(&name).ok_or_else(|| absent(&name))?;
            let migrations = database.content.migrations.iter().map(|&name| name.to_owned()).collect();
            Ok(Schema { migrations })
        })
    }

    async fn write_mark(&self, database: &DatabaseName) -> Result<WriteMark, Fault> {
        self.boundary("before the write counters are read")?;
        let counted = self.change(|install| -> Result<_, Fault> {
            let counted = writes(install, &database.to_string())?;
            install.counted = Some(counted);
            Ok(counted)
        })?;
        self.boundary("after the write counters are read")?;
        Ok(WriteMark(counted.to_string()))
    }

    async fn written_since(&self, database: &DatabaseName, mark: &WriteMark) -> Result<Written, Fault> {
        let writes = self.change(|install| {
            install.writes_were_asked_for = true;
            writes(install, &database.to_string())
        })?;
        Ok(if writes.to_string() == mark.0 {
            Written::Nothing
        } else {
            Written::Something(format!("{} and then {writes} rows", mark.0))
        })
    }

    async fn stored_under(&self, _database: &DatabaseName, _query: &str) -> Result<Vec<u64>, Fault> {
        Ok(self.look(|install| install.keys.iter().map(|_| 1).collect()))
    }

    async fn on_record(&self, _database: &DatabaseName, _query: &str) -> Result<Vec<OnRecord>, Fault> {
        Ok(self.look(Install::on_record))
    }

    /// As a server does it: it takes one at a time, from the moment at which it was told.
    async fn set_password(&self, _role: &str, passwords: &Passwords) -> Result<String, Fault> {
        self.boundary("before a password is changed")?;
        let value = |secret: &Secret| secret.expose().parse::<u32>().expect("a number");
        let (wanted, other) = (value(&passwords.wanted), value(&passwords.other));
        self.change(|install| -> Result<(), Fault> {
            let server =
                install.services.values().any(|service| service.role == Role::Server && service.runs());
            let password = install.password.as_mut().ok_or_else(|| Fault::new("it asks for none"))?;
            if !server || ![wanted, other].contains(&password.taken) {
                return Err(Fault::new("the server lets nobody in"));
            }
            password.taken = wanted;
            Ok(())
        })?;
        self.boundary("after a password is changed")?;
        Ok("changed".to_owned())
    }

    async fn blockers(&self, _database: &DatabaseName) -> Result<Vec<String>, Fault> {
        Ok(Vec::new())
    }
}

fn absent(name: &str) -> Fault {
    Fault::new(format!("database {name} does not exist"))
}

fn writes(install: &Install, name: &str) -> Result<usize, Fault> {
    install.databases.get(name).map(|database| database.content.counted()).ok_or_else(|| absent(name))
}

/// A server copies no database that somebody is connected to.
fn refuse_while_in_use(install: &Install, name: &str) -> Result<(), Fault> {
    let mut containers = install.services.iter().chain(&install.one_offs);
    match containers.find(|(_, container)| name == LIVE && container.runs()) {
        Some((container, _)) => Err(Fault::new(format!("{name} is in use by {container}"))),
        None => Ok(()),
    }
}
