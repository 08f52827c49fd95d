//! Amazon's registry, by its event "ECR Image Action", which an API destination of `EventBridge` delivers.
//!
//! Source: the documentation of ECR, "Amazon ECR events and `EventBridge`". The host of the registry follows from account and
//! region.

use super::proof::Scheme;
use super::{Dialect, Event, Push, Reading, owned};

pub(super) const ECR: Dialect = Dialect {
    name: "ecr",
    about: "Amazon ECR through an API destination of EventBridge",
    scheme: Scheme::Header("authorization"),
    names_registry: true,
    is: |event| event.is("/source", "aws.ecr"),
    read,
};

fn read(event: &Event<'_>) -> Reading {
    let pushed = event.is("/detail-type", "ECR Image Action")
        && event.is("/detail/action-type", "PUSH")
        && event.is("/detail/result", "SUCCESS");
    if pushed { Reading::of(push(event)) } else { Reading::default() }
}

fn push(event: &Event<'_>) -> Option<Push> {
    let (account, region) = (event.text("/account")?, event.text("/region")?);
    let end = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    Some(Push {
        registry: Some(format!("{account}.dkr.ecr.{region}.{end}")),
        repository: owned(&event.body, "/detail/repository-name")?,
        tag: owned(&event.body, "/detail/image-tag"),
        digest: owned(&event.body, "/detail/image-digest"),
    })
}
