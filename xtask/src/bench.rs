//! Measures our server and others in one run, and leaves tables and plots in `docs/benchmarks`.
//!
//! Knows which programs have to be there, nothing of what they measure. The one rule: Postgres syncs here, as it does for its users.

use anyhow::Result;

use crate::command::Run;
use crate::postgres::{Postgres, Purpose};
use crate::stages::{Report, Workspace};
use crate::{packages, peers, tools};

/// Where servers run; the load generator has the next one.
const SERVER_CORE: usize = 0;

/// What is measured.
#[derive(clap::Args)]
pub struct BenchConfig {
    /// Short measurements: whether all works, and little else
    #[arg(long)]
    quick: bool,
    /// Only these scenarios, for example fan-out-1x50,idle; `scrible-bench compare --help` names them
    #[arg(long)]
    only: Option<String>,
    /// Only these servers, for example scrible,reference
    #[arg(long)]
    peers: Option<String>,
}

/// Installs, builds, measures and reports.
pub fn bench(workspace: &Workspace, config: &BenchConfig) -> Result<()> {
    let root = workspace.root();
    let mut report = Report::default();
    report.stage("tools", true, || tools::prepare_bench(root));
    report.stage("servers to compare with", true, || peers::install(root));
    report.stage("editor in a browser", true, || {
        let example = root.join("examples/tldraw");
        packages::npm(&example)?;
        Run::new("npm", &example).args(["run", "build"]).run()
    });
    report.stage("release build", true, || {
        let packages = ["-p", "scrible", "-p", "scrible-bench"];
        workspace.cargo(&[&["build", "--release", "--locked"], &packages[..]].concat())
    });
    let mut postgres = None;
    report.stage("Postgres", true, || {
        let purpose = Purpose::Measuring { core: SERVER_CORE };
        postgres = Some(Postgres::start(root, purpose)?);
        Ok(())
    });
    report.stage("measuring", true, || {
        let server = workspace.release("scrible");
        let mut compare = Run::new(workspace.release("scrible-bench"), root)
            .env("CHROME", tools::chrome())
            .args(["--server".as_ref(), server.as_os_str()])
            .args(["compare", "--server-core", &SERVER_CORE.to_string()]);
        if let Some(postgres) = &postgres {
            compare = compare.args(["--postgres", &postgres.url()]);
        }
        if config.quick {
            compare = compare.args(["--quick"]);
        }
        for (name, value) in [("--only", &config.only), ("--peers", &config.peers)] {
            if let Some(value) = value {
                compare = compare.args([name, value]);
            }
        }
        compare.run()
    });
    drop(postgres);
    report.stage("report", true, || {
        Run::new(workspace.release("scrible-bench"), root)
            .args(["report"])
            .run()
    });
    report.finish()
}
