import { BaseError } from "../errors.ts";

/** A model package cannot be loaded: a file is missing or breaks the manifest's rules. */
export class ModelPackageError extends BaseError {
  override name = "ModelPackageError";
}

/** The bytes of a model file are not those that its manifest names. */
export class ModelHashMismatchError extends ModelPackageError {
  override name = "ModelHashMismatchError";
}

/** A package names a feature that is not computed here, or another version of it. */
export class ModelFeatureError extends ModelPackageError {
  override name = "ModelFeatureError";
}

/** Inputs or outputs of a model file are not those that its manifest and its task ask for. */
export class ModelTensorError extends ModelPackageError {
  override name = "ModelTensorError";
}

/** A model file is of an operator set, or uses an operator, that cannot be run here. */
export class ModelOperatorError extends ModelPackageError {
  override name = "ModelOperatorError";
}

/** A model file holds weights that are no numbers. */
export class ModelWeightsError extends ModelPackageError {
  override name = "ModelWeightsError";
}

/** A package brings no samples, or its model does not answer them as the package says. */
export class ModelSampleError extends ModelPackageError {
  override name = "ModelSampleError";
}

/** A model was tested on what it was trained on. */
export class ModelOverlapError extends ModelPackageError {
  override name = "ModelOverlapError";
}

/** A package is not signed by anybody who may sign, or was changed after it was signed. */
export class ModelSignatureError extends ModelPackageError {
  override name = "ModelSignatureError";
}

/** A model was asked with tensors of another shape or with a horizon that it does not answer. */
export class ModelInputError extends BaseError {
  override name = "ModelInputError";
}

/** A model answered with something that no forecast can be: not finite, or of another shape than it declares. */
export class ModelOutputError extends BaseError {
  override name = "ModelOutputError";
}
