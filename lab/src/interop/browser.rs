//! As much of a browser as login pages without scripts need: cookies, redirects, forms.

use anyhow::{Context as _, Result, bail};
use regex::Regex;
use reqwest::header::LOCATION;
use reqwest::{Client, Response, Url, redirect};

/// No page leads further than this.
const STEPS: usize = 30;

pub(super) struct Browser(Client);

impl Browser {
    pub(super) fn new() -> Result<Self> {
        Ok(Self(Client::builder().cookie_store(true).redirect(redirect::Policy::none()).no_proxy().build()?))
    }

    pub(super) fn client(&self) -> &Client {
        &self.0
    }

    /// Opens `url`, fills in every form that comes with `answers`, and gives the address that leaves the server, or
    /// `None` at a page without a form.
    pub(super) async fn go(&self, url: &str, answers: &[(&str, &str)]) -> Result<Option<Url>> {
        let home: Url = url.parse()?;
        let mut answer = self.0.get(home.clone()).send().await?;
        for _ in 0..STEPS {
            let here = answer.url().clone();
            if let Some(target) = target(&answer)? {
                if target.origin() != home.origin() {
                    return Ok(Some(target));
                }
                answer = self.0.get(target).send().await?;
                continue;
            }
            let status = answer.status();
            let page = answer.text().await?;
            if !status.is_success() {
                bail!("{here} answers {status}: {page}");
            }
            let Some(form) = Form::find(&page)? else { return Ok(None) };
            let fields = form.filled(answers);
            answer = self.0.post(here.join(&form.action)?).form(&fields).send().await?;
        }
        bail!("the pages of {home} lead nowhere")
    }
}

fn target(answer: &Response) -> Result<Option<Url>> {
    let Some(location) = answer.headers().get(LOCATION) else { return Ok(None) };
    Ok(Some(answer.url().join(location.to_str().context("a Location is text")?)?))
}

/// The first form of a page.
struct Form {
    action: String,
    fields: Vec<(String, String)>,
}

impl Form {
    fn find(page: &str) -> Result<Option<Self>> {
        let form = Regex::new(r"(?s)<form([^>]*)>(.*?)</form>")?;
        let input = Regex::new(r"<(?:input|button)([^>]*)>")?;
        let Some(found) = form.captures(page) else { return Ok(None) };
        let action = attribute(&found[1], "action")?.unwrap_or_default();
        let mut fields = Vec::new();
        for field in input.captures_iter(&found[2]) {
            if let Some(name) = attribute(&field[1], "name")? {
                fields.push((name, attribute(&field[1], "value")?.unwrap_or_default()));
            }
        }
        Ok(Some(Self { action, fields }))
    }

    fn filled(&self, answers: &[(&str, &str)]) -> Vec<(String, String)> {
        let answer = |name: &str| answers.iter().find(|(asked, _)| *asked == name).map(|(_, answer)| *answer);
        self.fields
            .iter()
            .map(|(name, value)| (name.clone(), answer(name).unwrap_or(value).to_owned()))
            .collect()
    }
}

fn attribute(tag: &str, name: &str) -> Result<Option<String>> {
    let attribute = Regex::new(&format!(r#"\b{name}=["']([^"']*)["']"#))?;
    Ok(attribute.captures(tag).map(|found| found[1].replace("&amp;", "&")))
}
