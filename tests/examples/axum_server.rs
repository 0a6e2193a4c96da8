//! A web server that refuses to start half-configured. Try it:
//!
//!     cd $(mktemp -d) && printf 'DATABASE_URL= # url\nPORT=3000\n' > .env.production
//!     axum_server                                            # says what is missing, exit code 1
//!     DATABASE_URL=postgres://localhost/app axum_server      # serves
#![allow(clippy::print_stderr)]

use axum::{Router, routing::get};
use cofferdam::vault::{Loader, SecretString};
use std::process::ExitCode;

#[derive(serde::Deserialize)]
struct AppSecrets {
    database_url: SecretString,
    port: u16,
}

fn main() -> ExitCode {
    let environment = std::env::var("APP_ENV").unwrap_or_else(|_| "production".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map(|runtime| runtime.block_on(serve(&environment))) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(environment: &str) -> Result<(), Box<dyn std::error::Error>> {
    let secrets: AppSecrets = Loader::from_environment(environment)?.load().await?.into_typed()?;
    connect(&secrets.database_url);
    let app = Router::new().route("/", get(async || "ready"));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", secrets.port)).await?;
    Ok(axum::serve(listener, app).await?)
}

/// Where a real server would open its connections.
fn connect(_url: &SecretString) {}
