//! The way to ask one Redis or a cluster, and to tell it something.
//!
//! Knows the library, not what is said. The one rule: nothing here waits without an end, and nothing is done twice: whether to try again is for
//! the caller to say.

use std::sync::{Arc, LazyLock};

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, ProtocolVersion, PushInfo,
    PushKind, RedisError, Script, ServerErrorKind, Value,
};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::address::{Kind, RedisAddress, tcp_settings};
use super::{CONNECT, REPLY};

/// How often the library may follow where a part of a cluster has gone, within the time of one reply.
const REDIRECTIONS: u32 = 5;

/// A script, sent once to each server and named by its digest from then on.
pub struct Stored {
    script: Script,
    code: &'static str,
}

macro_rules! script {
    ($(#[$doc:meta])* $name:ident, $file:literal) => {
        $(#[$doc])*
        pub static $name: LazyLock<Stored> = LazyLock::new(|| {
            let code = include_str!(concat!("scripts/", $file));
            Stored { script: Script::new(code), code }
        });
    };
}

script!(
    /// Tells what was stored.
    SAY, "say.lua"
);
script!(
    /// Tells what people show.
    SHOW, "show.lua"
);
script!(
    /// Reads who is there.
    PEOPLE, "people.lua"
);
script!(
    /// Takes away who is not.
    SWEEP, "sweep.lua"
);
script!(
    /// Says that this node lives.
    LIVE, "live.lua"
);

/// Arguments of a script.
#[derive(Debug, Default)]
pub struct Arguments<'a> {
    /// All of one hash tag.
    pub keys: &'a [&'a str],
    /// The rest.
    pub values: Vec<&'a [u8]>,
}

/// Which of both kinds of publish and subscribe is spoken. All nodes of a deployment ask the same server and come to the same answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Redis 7: a message goes to the part of a cluster that its channel belongs to.
    Sharded,
    /// Before that: to all of it.
    Plain,
}

impl Dialect {
    /// The command that publishes.
    pub fn publish(self) -> &'static [u8] {
        match self {
            Self::Sharded => b"SPUBLISH",
            Self::Plain => b"PUBLISH",
        }
    }
}

#[derive(Clone)]
enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        // Cloning is how the library shares a connection.
        match self.clone() {
            Self::One(mut one) => command.query_async(&mut one).await,
            Self::Cluster(mut cluster) => command.query_async(&mut cluster).await,
        }
    }
}

/// A way to ask and to tell. Cloning shares it.
#[derive(Clone)]
pub struct Link {
    connection: Connection,
    /// How to publish.
    pub dialect: Dialect,
    /// It has ended. One to a cluster never does.
    pub ended: Arc<Notify>,
}

impl Link {
    /// Runs a script.
    pub async fn run<T: FromRedisValue>(
        &self,
        stored: &Stored,
        arguments: &Arguments<'_>,
    ) -> Result<T, RedisError> {
        let by_digest = call("EVALSHA", stored.script.get_hash(), arguments);
        match self.connection.ask(&by_digest).await {
            Err(error) if is_no_script(&error) => {
                let whole = call("EVAL", stored.code, arguments);
                self.connection.ask(&whole).await
            }
            done => done,
        }
    }

    /// Runs a script several times in this order, all on keys of one hash tag; how often it went well.
    pub async fn run_all(
        &self,
        stored: &Stored,
        calls: &[Arguments<'_>],
    ) -> Result<usize, RedisError> {
        let one = match &self.connection {
            Connection::One(one) => one,
            // The library does not follow where a part of a cluster has gone within a pipeline.
            Connection::Cluster(_) => {
                for (done, arguments) in calls.iter().enumerate() {
                    if let Err(error) = self.run::<()>(stored, arguments).await {
                        tracing::debug!(%error, "run a script");
                        return Ok(done);
                    }
                }
                return Ok(calls.len());
            }
        };
        let mut one = one.clone();
        let mut done = 0;
        let mut left: Vec<&Arguments<'_>> = calls.iter().collect();
        for (name, script) in [("EVALSHA", stored.script.get_hash()), ("EVAL", stored.code)] {
            let mut pipeline = redis::Pipeline::with_capacity(left.len());
            for arguments in &left {
                pipeline.add_command(call(name, script, arguments));
            }
            let answers: Vec<Result<Value, RedisError>> =
                pipeline.ignore_errors().query_async(&mut one).await?;
            let mut unknown = Vec::new();
            for (arguments, answer) in left.into_iter().zip(answers) {
                match answer {
                    Ok(_) => done += 1,
                    Err(error) if is_no_script(&error) => unknown.push(arguments),
                    Err(error) => tracing::debug!(%error, "run a script"),
                }
            }
            if unknown.is_empty() {
                break;
            }
            left = unknown;
        }
        Ok(done)
    }

    /// Runs one command.
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        self.connection.ask(command).await
    }

    /// Whether it still answers. The library looks after the connections to a cluster itself.
    pub async fn check(&self) -> Result<(), RedisError> {
        match &self.connection {
            Connection::One(_) => self.ask(&redis::cmd("PING")).await,
            Connection::Cluster(_) => Ok(()),
        }
    }
}

fn call(name: &str, script: &str, arguments: &Arguments<'_>) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(script).arg(arguments.keys.len());
    for key in arguments.keys {
        command.arg(key);
    }
    for value in &arguments.values {
        command.arg(value);
    }
    command
}

fn is_no_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// Connects, and finds out what the server speaks.
pub async fn connect(address: &RedisAddress) -> Result<Link, RedisError> {
    let ended = Arc::new(Notify::new());
    let nodes = address.nodes()?;
    let connection = match address.kind {
        Kind::One => {
            let client = Client::open(nodes.into_iter().next().expect("an address has a place"))?;
            let ended = ended.clone();
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(CONNECT))
                .set_response_timeout(Some(REPLY))
                .set_push_sender(move |pushed: PushInfo| {
                    if pushed.kind == PushKind::Disconnection {
                        ended.notify_one();
                    }
                    Ok::<(), redis::aio::SendError>(())
                });
            let connecting = client.get_multiplexed_async_connection_with_config(&config);
            Connection::One(connecting.await?)
        }
        Kind::Cluster => {
            let client = ClusterClientBuilder::new(nodes)
                .use_protocol(ProtocolVersion::RESP3)
                .tcp_settings(tcp_settings())
                .connection_timeout(CONNECT)
                .response_timeout(REPLY)
                .retries(REDIRECTIONS)
                .min_retry_wait(50)
                .max_retry_wait(500)
                .build()?;
            let late = |_| RedisError::from((ErrorKind::Io, "the cluster does not answer"));
            let connecting = timeout(3 * CONNECT, client.get_async_connection());
            Connection::Cluster(connecting.await.map_err(late)??)
        }
    };
    let dialect = dialect(&connection).await?;
    Ok(Link {
        connection,
        dialect,
        ended,
    })
}

async fn dialect(asking: &Connection) -> Result<Dialect, RedisError> {
    let mut command = redis::cmd("COMMAND");
    command.arg("INFO").arg("SSUBSCRIBE");
    // Of a command that it does not know the server says nothing.
    let told: Vec<Value> = asking.ask(&command).await?;
    Ok(match told.first() {
        None | Some(Value::Nil) => Dialect::Plain,
        Some(_) => Dialect::Sharded,
    })
}
