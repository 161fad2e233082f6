// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A llama-shaped model from a GGUF file, its tensors dequantized to float32. The converter has
 * permuted the rows of wq and wk so that rotary positions turn neighbours, as in model.h's other
 * loader; scaled rotary positions are refused.
 */
#ifndef TP_LLAMA_GGUF_MODEL_H
#define TP_LLAMA_GGUF_MODEL_H

#include <stddef.h>

#include "failure.h"
#include "gguf.h"
#include "model.h"

/*
 * Fill `model`, to be given to model_free; nothing of it points into `gguf`.
 *
 *   context  tokens of the longest text to run, at most those the model was made for; what the
 *            model says about itself becomes this number
 *
 * model->fingerprint is left 0, since only the caller has the whole file.
 */
int gguf_model_load(const struct gguf *gguf, size_t context, struct model *model,
                    struct failure *failure);

#endif
