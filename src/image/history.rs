//! Which build step made which layer.
//!
//! The history has one entry a step and marks those that made no layer. Only if as many entries remain as there are
//! layers is the n-th of them the maker of the n-th layer (OCI image-spec, config.md, "history"). Otherwise some tool
//! squashed, rebased or wrote the image without history, and naming a step would be a guess; then nobody is named.

use super::{Layer, Step};

/// Ties `steps` and `layers` together; otherwise says in one sentence why that is not possible.
pub(super) fn align(steps: &mut [Step], layers: &mut [Layer]) -> Result<(), String> {
    let makers = steps.iter().filter(|step| !step.empty_layer).count();
    if makers != layers.len() {
        return Err(if steps.is_empty() {
            format!("the image has no build history for its {} layers", layers.len())
        } else {
            format!(
                "the build history tells of {makers} layers and the image has {}, so no step is named for them",
                layers.len()
            )
        });
    }
    let makers = steps.iter_mut().filter(|step| !step.empty_layer);
    for (step, layer) in makers.zip(layers) {
        step.layer = Some(layer.index);
        layer.step = Some(step.index);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::image::BlobRef;

    fn steps(empty: &[bool]) -> Vec<Step> {
        let step = |(index, empty): (usize, &bool)| Step { index, empty_layer: *empty, ..Step::default() };
        empty.iter().enumerate().map(step).collect()
    }

    fn layers(count: usize) -> Vec<Layer> {
        let layer = |index: usize| Layer {
            index,
            blob: BlobRef::Path(format!("{index}.tar")),
            digest: None,
            diff_id: None,
            size: None,
            media_type: None,
            urls: Vec::new(),
            step: None,
        };
        (0..count).map(layer).collect()
    }

    #[test]
    fn steps_without_a_layer_are_left_out_of_the_count() {
        let (mut steps, mut layers) = (steps(&[false, true, true, false]), layers(2));
        align(&mut steps, &mut layers).unwrap();
        assert_eq!(layers.iter().map(|layer| layer.step).collect::<Vec<_>>(), [Some(0), Some(3)]);
        assert_eq!(steps.iter().map(|step| step.layer).collect::<Vec<_>>(), [Some(0), None, None, Some(1)]);
    }

    #[test]
    fn counts_that_disagree_name_nobody_and_say_both_numbers() {
        let (mut steps, mut two) = (steps(&[false, true]), layers(2));
        let message = align(&mut steps, &mut two).unwrap_err();
        assert!(message.contains("1 layers") && message.contains("has 2"), "{message}");
        assert!(two.iter().all(|layer| layer.step.is_none()));
        assert!(align(&mut [], &mut layers(3)).unwrap_err().contains("no build history for its 3"));
        assert_eq!(align(&mut [], &mut []), Ok(()));
    }

    proptest! {
        #[test]
        fn the_two_directions_agree(empty in prop::collection::vec(any::<bool>(), 0..12), count in 0usize..12) {
            let (mut steps, mut layers) = (steps(&empty), layers(count));
            let aligned = align(&mut steps, &mut layers).is_ok();
            for layer in &layers {
                prop_assert_eq!(layer.step.is_some(), aligned);
                if let Some(step) = layer.step {
                    prop_assert_eq!(steps[step].layer, Some(layer.index));
                }
            }
        }
    }
}
