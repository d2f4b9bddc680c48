//! `api`: a call with the token attached, in the manner of `gh api`.

mod fields;

use std::io::{IsTerminal as _, Read as _, Write as _};

use clap::Args;
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use self::fields::Fields;
use crate::api::{Answer, Api, Request};
use crate::context::Context;
use crate::document;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::http;

const EXAMPLES: &str = "\
Examples:
  butlr-auth api graphql -f query='{ sites { data { id name } } }'
  butlr-auth api graphql -F query=@rooms.graphql -F limit=10
  butlr-auth api reporting --input report.json
  butlr-auth api /api/v1/client
  butlr-auth api /api/v1/client -f name=nightly -f description='cron job'
  butlr-auth api -X DELETE /api/v1/client/client_abc

`graphql` and `reporting` stand for Butlr's two main endpoints. Fields that are not `query` or
`operationName` become GraphQL variables. A nested field is written a[b]=c, an item of a list a[]=c.

The token goes to the API's own origin alone, and no redirect is followed. An expired or rejected
token is renewed once and the call repeated once. With a status of 300 or more, and where GraphQL
answers with `errors`, the body is on stdout and the exit code is 8. On a terminal, what it would act
on is shown escaped.";

/// Where Butlr takes GraphQL.
const GRAPHQL: &str = "/api/v3/graphql";

/// Call the API with the token attached
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A path below the base URL, `graphql` or `reporting`
    path: String,

    /// The method [default: GET, or POST with fields or input]
    #[arg(short = 'X', long, value_name = "METHOD")]
    method: Option<Method>,

    /// Add a header
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,

    /// Add a field whose value is text
    #[arg(short = 'f', long = "raw-field", value_name = "NAME=VALUE")]
    raw_fields: Vec<String>,

    /// Add a field whose value is JSON's true, false, null or number, @file, @- or text
    #[arg(short = 'F', long = "field", value_name = "NAME=VALUE")]
    fields: Vec<String>,

    /// Take the body from a file; `-` is stdin
    #[arg(long, value_name = "PATH", conflicts_with_all = ["raw_fields", "fields"])]
    input: Option<String>,

    /// Print status and headers before the body
    #[arg(short = 'i', long)]
    include: bool,
}

pub(crate) async fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let request = |api: &Api| request(api, &arguments);
    let api = Api::new(context, &context.profile()?).await?;
    let request = request(&api)?;
    let answer = api.send(&request).await?;
    print(context, &arguments, &answer)?;
    Ok(match why_not(&answer, is_graphql(&arguments, &request)) {
        Some(why) => {
            context.output.warning(&why);
            Exit::Negative
        }
        None => Exit::Done,
    })
}

/// Whether the answer is GraphQL's: it says what is wrong in its body, with status 200.
fn is_graphql(arguments: &Arguments, request: &Request) -> bool {
    arguments.path == "graphql" || request.url.path() == GRAPHQL || request.url.path().ends_with("/graphql")
}

/// What is wrong with an answer, if it is not what was asked for.
fn why_not(answer: &Answer, graphql: bool) -> Option<String> {
    if answer.status.is_redirection() {
        return Some(match answer.target() {
            Some(target) => {
                format!("the API answered {} and points to {target}, where nothing is sent", answer.status)
            }
            None => format!("the API answered {}", answer.status),
        });
    }
    if answer.is_refusal() {
        return Some(format!("the API answered {}", answer.status));
    }
    let errors = if graphql { answer.graphql_errors() } else { 0 };
    (errors > 0)
        .then(|| format!("the API answered with {errors} {}", if errors == 1 { "error" } else { "errors" }))
}

fn request(api: &Api, arguments: &Arguments) -> Result<Request, Failure> {
    let fields = Fields::parse(&arguments.raw_fields, &arguments.fields)?;
    let graphql = arguments.path == "graphql";
    let path = match arguments.path.as_str() {
        "graphql" => GRAPHQL,
        "reporting" => "/api/v3/reporting",
        path => path,
    };
    let has_body =
        graphql || arguments.input.is_some() || !fields.is_empty() || arguments.path == "reporting";
    let method = arguments.method.clone().unwrap_or(if has_body { Method::POST } else { Method::GET });
    let mut url = api.url(path)?;
    let body = if let Some(input) = &arguments.input {
        Some(read(input)?)
    } else if method == Method::GET && !graphql {
        let pairs = fields.flat();
        if !pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(pairs);
        }
        None
    } else if graphql {
        Some(variables_inside(fields.into_object()).to_string().into_bytes())
    } else if fields.is_empty() {
        None
    } else {
        Some(Value::Object(fields.into_object()).to_string().into_bytes())
    };
    let mut headers = headers(&arguments.headers)?;
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
    if body.is_some() {
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    }
    Ok(Request { method, url, headers, body })
}

/// GraphQL's own members stay where they are; every other field is a variable.
fn variables_inside(fields: Map<String, Value>) -> Value {
    let (mut request, mut variables) = (Map::new(), Map::new());
    for (name, value) in fields {
        if name == "query" || name == "operationName" {
            request.insert(name, value);
        } else {
            variables.insert(name, value);
        }
    }
    if !variables.is_empty() {
        request.insert("variables".to_owned(), Value::Object(variables));
    }
    Value::Object(request)
}

/// Reads headers as they are written on the wire. Those that carry secrets are not for arguments.
fn headers(written: &[String]) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for line in written {
        let malformed = || Failure::usage("a header is written `Name: value`");
        let (name, value) = line.split_once(':').ok_or_else(malformed)?;
        let name: HeaderName = name.trim().parse().map_err(|_| malformed())?;
        if name == AUTHORIZATION || name == COOKIE {
            return Err(Failure::usage(format!("the header {name} would put a secret among the arguments"))
                .help("leave it out: the token is attached by itself"));
        }
        headers.append(name, value.trim().parse().map_err(|_| malformed())?);
    }
    Ok(headers)
}

fn read(path: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let most = u64::try_from(http::LIMIT).unwrap_or(u64::MAX) + 1;
    let read = if path == "-" {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    let failed = |why: String| Failure::usage(format!("could not read {path}: {why}"));
    let length = read.map_err(|error| failed(error.to_string()))?;
    if length > http::LIMIT {
        return Err(failed(format!("it is longer than {} MiB", http::LIMIT >> 20)));
    }
    Ok(bytes)
}

fn print(context: &Context, arguments: &Arguments, answer: &Answer) -> Result<(), Failure> {
    let mut shown = Vec::new();
    if arguments.include {
        // Writing to memory cannot fail.
        let _ = writeln!(shown, "HTTP {}", answer.status);
        for (name, value) in &answer.headers {
            let _ = write!(shown, "{name}: ");
            shown.extend_from_slice(value.as_bytes());
            shown.push(b'\n');
        }
        shown.push(b'\n');
    }
    shown.extend_from_slice(&answer.body);
    if std::io::stdout().is_terminal() {
        shown = for_a_terminal(&shown);
    }
    context.output.result(&shown)
}

/// What a terminal only shows, its last line ended. A program gets every byte as it came.
fn for_a_terminal(body: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n").replace('\t', "    ");
    let mut shown = document::escaped(&text);
    if !shown.is_empty() && !shown.ends_with('\n') {
        shown.push('\n');
    }
    shown.into_bytes()
}

#[cfg(test)]
mod tests;
