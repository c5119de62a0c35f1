//! Configuration → parts. The one place that knows them all.
//!
//! Deliberately absent: decisions.

mod shown;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use aws_sdk_connect::config::SharedHttpClient;
use connectors::http::{Carrier, HttpLimits, Tls};
use connectors::microsoft::Microsoft;
use connectors::okta::Okta;
use connectors::scim::Scim;
use connectors::{SecretVault, Source};

use crate::config::{Config, SourceConfig};
use crate::connect::{AmazonConnect, Quotas};
use crate::console;
use crate::model::{Operation, Time, Trigger};
use crate::reconcile::{Centre, RunCounts, Teller};
use crate::report::Sink;
use crate::report::metrics::Metrics;
use crate::report::notify::{Notifier, NotifierConfig, NotifyError};
use crate::secrets::AwsVault;
use crate::serve::{Maker, Service};
use crate::store::{Patient, RunLease, Store, StoreError, Turnstile};

/// Everything that one contact centre needs, and the right to write.
#[derive(Debug)]
pub struct Assembled {
    /// The parts.
    pub service: Service<AmazonConnect>,
    /// The right to write; released at the end.
    pub lease: RunLease,
}

/// What the parts stand in. By default that is the network and the machine as they are; a simulation puts others there.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Carries requests to the directories and to webhooks, instead of the network.
    pub directories: Option<Arc<dyn Carrier>>,
    /// Carries requests to AWS, instead of the network.
    pub aws: Option<SharedHttpClient>,
    /// Stands before every step on the state file.
    pub turnstile: Option<Arc<dyn Turnstile>>,
}

/// Builds the parts of one contact centre and takes its lease.
///
/// # Errors
/// If a part cannot be built, or another process works on this contact centre.
pub async fn assemble(config: &Config, now: fn() -> Time, purpose: &str) -> anyhow::Result<Assembled> {
    assemble_in(config, now, purpose, &Surroundings::default()).await
}

/// The same in other surroundings.
///
/// # Errors
/// See [`assemble`].
pub async fn assemble_in(
    config: &Config,
    now: fn() -> Time,
    purpose: &str,
    surroundings: &Surroundings,
) -> anyhow::Result<Assembled> {
    begin(config, now, purpose, surroundings, &Quotas::new()).await
}

async fn begin(
    config: &Config,
    now: fn() -> Time,
    purpose: &str,
    surroundings: &Surroundings,
    quotas: &Quotas,
) -> anyhow::Result<Assembled> {
    let store = Store::open_behind(surroundings.turnstile.clone(), &config.state, now()).await?;
    let holder = format!("rollcall {purpose}, process {}", std::process::id());
    let lease = store.acquire(&holder, now()).await?;
    let service = parts(config, now, store, surroundings, quotas).await?;
    Ok(Assembled { service, lease })
}

/// The parts over a state file that is open.
async fn parts(
    config: &Config,
    now: fn() -> Time,
    store: Store,
    surroundings: &Surroundings,
    quotas: &Quotas,
) -> anyhow::Result<Service<AmazonConnect>> {
    let Surroundings { directories, aws, turnstile: _ } = surroundings;
    let vault = vault(config);
    let sources = sources_over(directories.as_ref(), config, now, &vault)?;
    let target = Box::pin(AmazonConnect::over(aws.as_ref(), config.connect.clone(), quotas)).await?;
    let mut sinks = Vec::new();
    for sink in &config.reports {
        let built = Box::pin(Sink::over(aws.as_ref(), sink, &config.name)).await;
        sinks.push(built.with_context(|| format!("[report.{}]", sink.name))?);
    }
    let mut tellers = Vec::new();
    for one in &config.notifiers {
        let built = Box::pin(notifier(one, &config.name, &vault, surroundings)).await;
        tellers.push(Teller::new(built.with_context(|| format!("[notify.{}]", one.name))?));
    }
    let centre = Centre {
        name: config.name.clone(),
        store,
        sources,
        target,
        rules: config.rules.clone(),
        rules_digest: config.rules_digest.clone(),
        limits: config.limits.clone(),
        quota,
        counters,
        audit_every_secs: config.schedule.audit_every_secs,
        full_every_secs: config.schedule.full_every_secs,
        trial: config.trial,
    };
    let metrics = Arc::new(Mutex::new(metrics(&centre, now()).await?));
    Ok(Service {
        centre,
        sinks: tokio::sync::Mutex::new(sinks),
        tellers: tokio::sync::Mutex::new(tellers),
        schedule: config.schedule.clone(),
        metrics,
        enabled: config.enabled,
        digest: config.digest.clone(),
        now,
    })
}

/// A contact centre that is built again whenever it has to be, by the configuration that is in force.
#[derive(Debug)]
pub struct Blueprint {
    config: Mutex<Arc<Config>>,
    now: fn() -> Time,
    quotas: Arc<Quotas>,
}

impl Blueprint {
    /// By this configuration, until there is another one. `quotas` is shared by all contact centres of the process.
    #[must_use]
    pub fn new(config: Config, now: fn() -> Time, quotas: Arc<Quotas>) -> Self {
        Self { config: Mutex::new(Arc::new(config)), now, quotas }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on by this one.
    pub fn replace(&self, config: Config) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }

    /// The parts by another configuration, over the state file that is open already. Nothing is replaced yet.
    ///
    /// # Errors
    /// If a part cannot be built.
    pub async fn parts_by(&self, config: &Config, store: Store) -> anyhow::Result<Service<AmazonConnect>> {
        parts(config, self.now, store, &Surroundings::default(), &self.quotas).await
    }
}

impl Maker for Blueprint {
    type Target = AmazonConnect;

    async fn make(&self) -> anyhow::Result<(Service<AmazonConnect>, RunLease)> {
        let config = self.config();
        let Assembled { service, lease } =
            begin(&config, self.now, "serve", &Surroundings::default(), &self.quotas).await?;
        Ok((service, lease))
    }
}

/// Former runs that are asked how it stands.
const FORMER_RUNS: u32 = 50;

/// What monitoring may ask, beginning with how it stands after the last runs of former processes.
async fn metrics(centre: &Centre<AmazonConnect>, now: Time) -> anyhow::Result<Metrics> {
    let rate = |operation: &Operation| (*operation, quota(&centre.target, *operation).0);
    let mut metrics = Metrics::starting(&centre.name, now, Operation::ALL.iter().map(rate));
    for run in centre.store.runs(FORMER_RUNS).await?.iter().rev() {
        if let (Some(summary), Some(finished)) = (&run.summary, run.finished) {
            // By hand it may have been for one person; the schedule's runs are for everybody.
            metrics.remember(summary, run.trigger == Trigger::Schedule, finished);
        }
    }
    let quarantine = centre.store.quarantine(Patient::Centre).await?;
    metrics.observe_quarantine(quarantine.is_some_and(|quarantine| quarantine.entered()));
    Ok(metrics)
}

/// The directories, in the order of precedence.
///
/// # Errors
/// If one cannot be built.
pub fn sources(config: &Config, now: fn() -> Time) -> anyhow::Result<Vec<Arc<Source>>> {
    sources_with(config, now, &vault(config))
}

/// The same with secrets from this store.
///
/// # Errors
/// If one cannot be built.
pub fn sources_with(
    config: &Config,
    now: fn() -> Time,
    vault: &Arc<dyn SecretVault>,
) -> anyhow::Result<Vec<Arc<Source>>> {
    sources_over(None, config, now, vault)
}

fn sources_over(
    carrier: Option<&Arc<dyn Carrier>>,
    config: &Config,
    now: fn() -> Time,
    vault: &Arc<dyn SecretVault>,
) -> anyhow::Result<Vec<Arc<Source>>> {
    let mut sources = Vec::new();
    for source in &config.sources {
        let built =
            build(source, &config.tls, vault, now, carrier).with_context(|| format!("[source.{}]", source.name()))?;
        sources.push(Arc::new(built));
    }
    Ok(sources)
}

/// The contact centre as the console shows it: a handle of its own to look with, so that looking never waits for a run, and
/// `keep` to write what is done there. It can be asked for no check; whoever can carry one out adds it.
///
/// # Errors
/// If the state file cannot be opened.
pub async fn console_centre(
    config: &Config,
    keep: Store,
    sources: Vec<Arc<Source>>,
) -> Result<console::Centre, StoreError> {
    let (quota, shown) = (config.connect.quota.clone(), sources.clone());
    Ok(console::Centre {
        name: config.name.clone(),
        look: Store::open_read_only(&config.state).await?,
        keep,
        rules: config.rules.clone(),
        rules_digest: config.rules_digest.clone(),
        limits: config.limits.clone(),
        patience: console::PATIENCE,
        quota: Arc::new(move |operation| {
            let rate = quota.rate(operation);
            (rate.per_second, rate.burst)
        }),
        field_of: Arc::new(move |source, attribute| {
            let source = sources.iter().find(|known| known.name() == source);
            source.map_or_else(|| attribute.to_string(), |source| source.field_of(attribute))
        }),
        service: None,
        parts: shown::parts(config, shown),
        check: None,
    })
}

/// Where stored secrets are read. Nothing is sent yet.
#[must_use]
pub fn vault(config: &Config) -> Arc<dyn SecretVault> {
    Arc::new(AwsVault::new(config.secrets.clone()))
}

/// Somebody who is told of trouble. Nothing is read or sent yet.
///
/// # Errors
/// If the configuration cannot be used.
pub async fn notifier(
    config: &NotifierConfig,
    centre: &str,
    vault: &Arc<dyn SecretVault>,
    surroundings: &Surroundings,
) -> Result<Notifier, NotifyError> {
    let mut config = config.clone();
    config.secrets_mut().into_iter().for_each(|secret| secret.bind(vault));
    let Surroundings { directories, aws, turnstile: _ } = surroundings;
    Notifier::over(aws.as_ref(), directories.as_ref(), &config, centre).await
}

/// Nothing is read or sent yet: a secret is read when the first request needs it.
fn build(
    source: &SourceConfig,
    tls: &Tls,
    vault: &Arc<dyn SecretVault>,
    now: fn() -> Time,
    carrier: Option<&Arc<dyn Carrier>>,
) -> Result<Source, connectors::PullError> {
    let mut source = source.clone();
    source.secrets_mut().into_iter().for_each(|secret| secret.bind(vault));
    let limits = HttpLimits { tls: tls.clone(), ..HttpLimits::default() };
    Ok(match source {
        SourceConfig::Microsoft(config) => Source::Microsoft(Box::new(Microsoft::over(carrier, config, now, limits)?)),
        SourceConfig::Okta(config) => Source::Okta(Box::new(Okta::over(carrier, config, now, limits)?)),
        SourceConfig::Scim(config) => Source::Scim(Box::new(Scim::over(carrier, config, now, limits)?)),
    })
}

fn quota(target: &AmazonConnect, operation: Operation) -> (f64, u32) {
    let rate = target.config().quota.rate(operation);
    (rate.per_second, rate.burst)
}

fn counters(target: &AmazonConnect) -> RunCounts {
    let narrow = |counts: BTreeMap<Operation, u64>| {
        counts.into_iter().map(|(operation, n)| (operation, u32::try_from(n).unwrap_or(u32::MAX))).collect()
    };
    RunCounts { calls: narrow(target.calls()), throttled: narrow(target.throttled()) }
}
