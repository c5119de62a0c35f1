//! The `rollcall` binary: tracing, the command line, the exit code.

use std::process::ExitCode;

use rollcall::cli;

fn main() -> ExitCode {
    cli::logging::start();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(error = %error, "the runtime cannot be started");
            return ExitCode::FAILURE;
        }
    };
    ExitCode::from(runtime.block_on(cli::run(std::env::args_os())) as u8)
}
