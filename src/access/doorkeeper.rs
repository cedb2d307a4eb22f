//! The gate of a real server: reads what is brought, asks the store what it knows, and has it decided.
//!
//! Knows tokens, the store and the clock; the decision itself is [`decide`]'s. The rule: what cannot be looked up is not decided.

use std::sync::Arc;

use async_trait::async_trait;
use scrible_store::{Directory, FactsQuery, RoomFacts, VisibleTo};

use super::claims::{Tokens, TokensConfig};
use super::credentials::{PLAIN_COOKIE, SECURE_COOKIE};
use super::decide::{Asking, Brought, Openness, Token, decide, grant_identity, subject_identity};
use super::keys::BadKey;
use super::origin::is_loopback_host;
use super::{Admission, Basis, Caller, Denied, From, Gate, Identity, Knock, Origins, Role, Seen};
use super::{Secret, events, pattern};
use crate::clock::now_ms;
use crate::room::RoomName;

/// How a doorkeeper works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorkeeperConfig {
    /// Whom it lets in.
    pub mode: Mode,
    /// The pages that are known.
    pub origins: Origins,
    /// Whether people come by TLS.
    pub transport: Transport,
}

/// Whom a server lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Who has a reason.
    Guarded(TokensConfig),
    /// Everybody who reaches it under one of these names.
    Open(Hosts),
}

/// The names under which a server may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosts {
    /// Names of this machine: a page elsewhere can point its own name here.
    OfThisMachine,
    /// Any.
    Any,
}

/// How browsers reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// By TLS, which a proxy ends.
    Https,
    /// Without.
    Http,
}

/// Decides who may enter, by tokens, grants and what rooms allow.
pub struct Doorkeeper {
    directory: Arc<dyn Directory>,
    tokens: Option<Tokens>,
    hosts: Hosts,
    origins: Origins,
    transport: Transport,
}

impl Doorkeeper {
    /// # Errors
    /// [`BadKey`] for the first configured key that is none.
    pub fn new(directory: Arc<dyn Directory>, config: DoorkeeperConfig) -> Result<Self, BadKey> {
        let (tokens, hosts) = match &config.mode {
            Mode::Guarded(tokens) => (Some(Tokens::new(tokens)?), Hosts::Any),
            Mode::Open(hosts) => (None, *hosts),
        };
        Ok(Self {
            directory,
            tokens,
            hosts,
            origins: config.origins,
            transport: config.transport,
        })
    }

    fn openness(&self) -> Openness {
        match self.tokens {
            Some(_) => Openness::Guarded,
            None => Openness::Open,
        }
    }

    /// What an admission can rest on, of all that was brought; and why the token is not taken. An open server cannot tell a good token from
    /// a bad one and takes none into account.
    fn basis(&self, knock: &Knock) -> (Basis, Result<(), &'static str>) {
        let credentials = &knock.credentials;
        let token = self.tokens.as_ref().zip(credentials.token.as_ref());
        let (claims, read) = match token.map(|(tokens, token)| tokens.read(token)) {
            None => (None, Ok(())),
            Some(Ok(claims)) => (Some(Arc::new(claims)), Ok(())),
            Some(Err(why)) => (None, Err(why)),
        };
        let cookie = credentials.cookie.as_ref();
        let basis = Basis {
            claims,
            link: credentials.link.as_ref().map(Secret::hash),
            session: cookie
                .filter(|_| knock.from == From::KnownPage)
                .map(Secret::hash),
            is_local: knock.is_local,
        };
        (basis, read)
    }

    /// Whoever is refused is named, too, as far as it is known who it is.
    async fn judge(
        &self,
        room: &RoomName,
        from: From,
        (basis, read): (Basis, Result<(), &'static str>),
    ) -> Result<Admission, (Denied, Identity)> {
        let now_ms = now_ms();
        let claims = basis.claims.as_deref();
        let asking = Asking {
            room: room.as_str(),
            from,
            token: match (read, claims) {
                (Err(why), _) => Token::Bad(why),
                (Ok(()), Some(claims)) => Token::Good(claims),
                (Ok(()), None) => Token::None,
            },
            link: brought(basis.link),
            session: brought(basis.session),
            is_local: basis.is_local,
            now_ms,
        };
        let identity = claims.map_or(Identity::default(), |claims| {
            subject_identity(&claims.subject)
        });
        // Whoever is refused anyway costs the store nothing.
        let facts = if from == From::ForeignPage || read.is_err() {
            RoomFacts::default()
        } else {
            let query = FactsQuery {
                session: basis.session,
                link: basis.link,
                identity: identity.0.clone(),
                time_ms: now_ms,
            };
            match self.directory.facts(room.as_str(), &query).await {
                Ok(facts) => facts,
                Err(error) => {
                    tracing::warn!(?room, %error, "cannot look up who may come in");
                    return Err((Denied::Undecided, identity));
                }
            }
        };
        match decide(self.openness(), &asking, &facts) {
            Ok(ruling) => Ok(Admission {
                role: ruling.role,
                identity: ruling.identity,
                name: ruling.name,
                until_ms: ruling.until_ms,
                basis,
                seen: Seen::Room(facts.room.map(Box::new)),
            }),
            Err(denied) if identity.0.is_some() => Err((denied, identity)),
            Err(denied) => Err((denied, grant_of(&facts))),
        }
    }
}

#[async_trait]
impl Gate for Doorkeeper {
    async fn admit(&self, room: &RoomName, knock: &Knock) -> Result<Admission, Denied> {
        let judged = self.judge(room, knock.from, self.basis(knock)).await;
        judged.map_err(|(denied, identity)| {
            events::auth_failed(&denied, Some(room), knock.peer, &identity);
            denied
        })
    }

    async fn readmit(&self, room: &RoomName, basis: &Basis) -> Result<Admission, Denied> {
        // A cookie has counted only because it came from a page that was known.
        let from = match basis.session {
            Some(_) => From::KnownPage,
            None => From::NoPage,
        };
        let judged = self.judge(room, from, (basis.clone(), Ok(()))).await;
        judged.map_err(|(denied, _)| denied)
    }

    async fn caller(&self, knock: &Knock) -> Result<Caller, Denied> {
        let (basis, read) = self.basis(knock);
        let denied = match read {
            _ if knock.from == From::ForeignPage => Some(Denied::ForeignPage),
            Err(why) => Some(Denied::BadToken(why)),
            Ok(()) => None,
        };
        if let Some(denied) = denied {
            events::auth_failed(&denied, None, knock.peer, &Identity::default());
            return Err(denied);
        }
        let is_open = self.openness() == Openness::Open;
        let claims = basis.claims.clone();
        let claims = claims.as_deref();
        let is_admin = (is_open && basis.is_local) || claims.is_some_and(|claims| claims.is_admin);
        let patterns = claims.map_or(&[][..], |claims| &claims.rooms);
        let may_edit_some = patterns.iter().any(|(_, role)| *role >= Role::Editor);
        let visible = VisibleTo {
            owner: claims.map(|claims| claims.subject.clone()),
            // Whoever has a name here may know the names of what stands open; a stranger may not.
            public: is_open || claims.is_some(),
            session: basis.session,
            ..pattern::visible(patterns)
        };
        Ok(Caller {
            identity: claims.map_or(Identity::default(), |claims| {
                subject_identity(&claims.subject)
            }),
            subject: claims.map(|claims| claims.subject.clone()),
            is_admin,
            visible: (!is_admin).then_some(visible),
            may_create: is_open || is_admin || may_edit_some,
            basis,
        })
    }

    fn page(&self, origin: Option<&str>, host: Option<&str>) -> From {
        match self.origins.judge(origin) {
            // Under a name that is not served nobody is at home.
            From::KnownPage if !self.serves_host(host) => From::ForeignPage,
            from => from,
        }
    }

    fn serves_host(&self, host: Option<&str>) -> bool {
        match self.hosts {
            Hosts::Any => true,
            Hosts::OfThisMachine => host.is_some_and(is_loopback_host),
        }
    }

    fn cookie(&self) -> &'static str {
        match self.transport {
            Transport::Https => SECURE_COOKIE,
            Transport::Http => PLAIN_COOKIE,
        }
    }
}

fn brought<T>(secret: Option<T>) -> Brought {
    match secret {
        Some(_) => Brought::Secret,
        None => Brought::Nothing,
    }
}

/// Whose grant was found, good or not.
fn grant_of(facts: &RoomFacts) -> Identity {
    let state = facts.by_link.as_ref().or(facts.by_session.as_ref());
    state.map_or(Identity::default(), |state| grant_identity(state.grant.id))
}
