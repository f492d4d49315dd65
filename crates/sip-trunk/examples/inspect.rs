//! A microscope for SIP messages: scans and checks each file as one datagram.
//!
//! ```text
//! cargo run -q -p sip-trunk --example inspect -- FILE…            one JSON object per file
//! cargo run -q -p sip-trunk --example inspect -- --pretty FILE…   for people: where everything stands, what is wrong, why
//! ```
//!
//! `--strict` refuses every deviation; `--as user-agent`, `proxy` or `registrar` adds the rules of that role (default: those
//! of any element). The user agent and the registrar serve seven methods, and bodies of SDP alone or among others.
//!
//! In the JSON, `outcome` is `ok` for a well-formed message and `rejected` for one that must not be processed. `status` is the
//! answer that is owed: also a well-formed request can be owed one, such as 416 or 420; `null` is none. `then` is what comes of
//! it: `process`, `answer` or `drop`. `round_trip` says that the untouched message is written back byte for byte, without line
//! ends before and octets behind it.

#![allow(clippy::print_stdout)] // a program

use std::process::ExitCode;

use bytes::Bytes;
use serde_json::{Value, json};
use sip_trunk::msg::{
    Diagnostic, Element, Message, Method, Role, Scan, Scanner, Severity, Silence, StartLine, Strictness,
    error_reply,
};

const METHODS: &[Method<'_>] = &[
    Method::Ack,
    Method::Bye,
    Method::Cancel,
    Method::Invite,
    Method::Message,
    Method::Options,
    Method::Register,
];
const BODY_TYPES: &[&str] = &["application/sdp", "multipart/mixed"];

fn main() -> ExitCode {
    let mut scanner = Scanner::default();
    let mut element = Element::default();
    let (mut pretty, mut failed, mut files) = (false, false, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--pretty" => pretty = true,
            "--strict" => scanner.strictness = Strictness::Strict,
            "--as" => match role(arguments.next().as_deref()) {
                Some(role) => element = as_role(role),
                None => return usage(),
            },
            option if option.starts_with("--") => return usage(),
            file => files.push(file.to_owned()),
        }
    }
    if files.is_empty() {
        return usage();
    }
    for file in files {
        match std::fs::read(&file) {
            Ok(bytes) => {
                let bytes = Bytes::from(bytes);
                let scan = scanner.datagram(bytes.clone()).check(&element);
                if pretty {
                    explain(&file, &bytes, &scan)
                } else {
                    println!("{}", line(&file, &bytes, &scan))
                }
            }
            Err(error) => {
                eprintln!("{file}: {error}");
                failed = true;
            }
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn usage() -> ExitCode {
    eprintln!("usage: inspect [--pretty] [--strict] [--as any|user-agent|proxy|registrar] FILE…");
    ExitCode::FAILURE
}

fn role(name: Option<&str>) -> Option<Role> {
    Some(match name? {
        "any" => Role::Any,
        "user-agent" => Role::UserAgent,
        "proxy" => Role::Proxy,
        "registrar" => Role::Registrar,
        _ => return None,
    })
}

fn as_role(role: Role) -> Element<'static> {
    let is_end = matches!(role, Role::UserAgent | Role::Registrar);
    Element {
        role,
        methods: is_end.then_some(METHODS),
        body_types: is_end.then_some(BODY_TYPES),
        ..Element::default()
    }
}

/// The object scripts read.
fn line(file: &str, bytes: &Bytes, scan: &Scan) -> Value {
    let diagnostics: Vec<Value> = scan.diagnostics.iter().map(diagnostic).collect();
    let mut object = json!({
        "file": file,
        "outcome": outcome(scan),
        "status": status(scan),
        "then": then(scan),
        "diagnostics": diagnostics,
        "round_trip": scan.message.as_ref().is_some_and(|message| round_trips(message, bytes)),
    });
    match scan.message.as_ref().map(Message::start_line) {
        Some(StartLine::Response { code, .. }) => object["code"] = json!((code > 0).then_some(code)),
        Some(StartLine::Request { method, .. }) => object["method"] = json!(method.as_str()),
        None => object["method"] = Value::Null,
    }
    object
}

fn diagnostic(found: &Diagnostic) -> Value {
    json!({
        "code": found.code.as_str(),
        "header": found.code.header().map(|name| name.as_str()),
        "severity": found.severity.as_str(),
        "span": [found.span.start, found.span.end],
        "source": found.code.source(),
        "text": found.code.to_string(),
    })
}

fn outcome(scan: &Scan) -> &'static str {
    if scan.message.is_some() && scan.diagnostics.is_acceptable() { "ok" } else { "rejected" }
}

/// The final status owed to the sender.
fn status(scan: &Scan) -> Option<u16> {
    let reply = error_reply(scan, "inspect").ok()?;
    Message::from_datagram(reply).ok()?.status()
}

/// What comes of the message.
fn then(scan: &Scan) -> &'static str {
    let harmless = scan.diagnostics.worst().is_none_or(|worst| worst.severity < Severity::Unsupported);
    match error_reply(scan, "inspect") {
        Ok(_) => "answer",
        Err(Silence::NothingWrong) => "process",
        Err(Silence::Response | Silence::Ack) if harmless => "process",
        Err(_) => "drop",
    }
}

fn round_trips(message: &Message, bytes: &Bytes) -> bool {
    let body_end = message.span_of(message.body()).map_or(0, |span| span.end as usize);
    let begin = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    bytes.get(begin..body_end) == Some(message.as_bytes())
}

/// The same for people.
fn explain(file: &str, bytes: &Bytes, scan: &Scan) {
    println!("{file}: {} bytes, {}", bytes.len(), outcome(scan));
    if let Some(message) = &scan.message {
        match message.start_line() {
            StartLine::Request { method, uri } => println!("  request  {method}  {}", uri.escape_ascii()),
            StartLine::Response { code, reason } => println!("  response {code}  {}", reason.escape_ascii()),
        }
        for field in message.headers() {
            let span = message.span_of(field.value).unwrap_or_default();
            let known = field.known.map_or("-", |name| name.as_str());
            let (name, value) = (field.name.escape_ascii(), field.value.escape_ascii());
            println!("  {:>5}..{:<5} {known:<20} {name}: {value}", span.start, span.end);
        }
        let body = message.span_of(message.body()).unwrap_or_default();
        println!("  {:>5}..{:<5} body, {} bytes", body.start, body.end, body.len());
    }
    for found in scan.diagnostics.iter() {
        let excerpt = found.span.of(bytes);
        let shown = &excerpt[..excerpt.len().min(60)];
        println!("  {} at {}..{}: {}", found.severity.as_str(), found.span.start, found.span.end, found.code);
        println!("      {} ({}) | {}", found.code.as_str(), found.code.source(), shown.escape_ascii());
    }
    match error_reply(scan, "inspect") {
        Ok(reply) => println!(
            "  answer:\n      {}",
            String::from_utf8_lossy(&reply).trim_end().replace("\r\n", "\n      ")
        ),
        Err(silence) => println!("  no answer: {silence}"),
    }
    println!();
}
