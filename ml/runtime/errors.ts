import { BaseError } from "../errors.ts";

/** A model package cannot be loaded: a file is missing or breaks the manifest's rules. */
export class ModelPackageError extends BaseError {
  override name = "ModelPackageError";
}

/** The bytes of a model file are not those that its manifest names. */
export class ModelHashMismatchError extends ModelPackageError {
  override name = "ModelHashMismatchError";
}

/** A model was asked with tensors of another shape or with a horizon that it does not answer. */
export class ModelInputError extends BaseError {
  override name = "ModelInputError";
}

/** A model answered with something that no forecast can be: not finite, or of another shape than it declares. */
export class ModelOutputError extends BaseError {
  override name = "ModelOutputError";
}
