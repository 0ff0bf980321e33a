// Names and shapes of the tensors of a model.

// Convolutions of an autoencoder's encoder halve the side until it is at most this.
const COARSEST = 8;

// Returns the shapes of the tensors of an upscaler or an autoencoder, by name.
export function shapes(kind, config) {
  const result = { mean: [], deviation: [], 'field.basis.frequency': [config.frequencies] };
  if (config.footprint === 'gauss') result['field.basis.blur'] = [];
  const layer = (name, inputs, outputs, ...sides) => {
    result[name + '.weight'] = [outputs, inputs, ...sides];
    result[name + '.bias'] = [outputs];
  };
  const block = (name, width) => ['first', 'second'].forEach((part) => layer(`${name}.${part}`, width, width, 3, 3));
  (kind === 'upscaler' ? upscaler : autoencoder)(config, layer, block, result);
  return result;
}

function upscaler(config, layer, block, result) {
  const { channels, conditions, encoder_width: width, encoder_blocks, head_width, frequencies, skip } = config;
  const blocks = (name, count, wide) => {
    for (let number = 0; number < count; number++) block(`encoder.${name}.${number}`, wide);
  };
  layer('encoder.first', channels + conditions.length, width, 3, 3);
  if (config.encoder === 'hybrid') {
    const { half_width, half_blocks } = config, before = Math.floor(encoder_blocks / 2);
    blocks('before', before, width);
    layer('encoder.down', width, half_width, 2, 2);
    blocks('blocks', half_blocks, half_width);
    // A transposed convolution, whose inputs come first.
    result['encoder.up.weight'] = [half_width, width, 2, 2];
    result['encoder.up.bias'] = [width];
    blocks('after', encoder_blocks - before, width);
  } else blocks('blocks', encoder_blocks, width);
  layer('encoder.last', width, width, 3, 3);
  const codes = channels * (2 * frequencies + 1) ** 2;
  // Models that read strengths also correct the image itself.
  const corrects = conditions.length > 0 && skip !== 'none', head = corrects ? 'head.codes.' : 'head.';
  if (corrects) layer('head.correction', width, channels, 3, 3);
  layer(head + 0, width, head_width || codes, 3, 3);
  if (head_width) {
    layer(head + 2, head_width, head_width, 1, 1);
    layer(head + 4, head_width, codes, 1, 1);
  }
}

// The sizes of the convolutions that halve the side of a frame: kernel and channels.
export function halvings({ frame, encoder_width: width }) {
  const result = [];
  for (let side = frame; side > COARSEST && side % 2 === 0; side /= 2)
    result.push({ kernel: result.length ? 4 : 6, width: result.length ? 2 * width : width });
  return result;
}

// The functions of a grid of cells that the decoder `modulated` reads: constant, cosines and sines along both axes.
export const waves = ({ grid }) => 1 + 2 * Math.floor(grid / 2);

function autoencoder(config, layer, block, result) {
  const { channels, frame, code, hidden, decoder_width: width, decoder_blocks, rank, components } = config;
  const halved = halvings(config), half = Math.floor(config.encoder_width / 2), side = frame / 2 ** halved.length;
  let inputs = channels + 1;
  for (const [number, { kernel, width: outputs }] of halved.entries()) {
    layer(`encoder.trunk.${2 * number}`, inputs, outputs, kernel, kernel);
    block(`encoder.trunk.${2 * number + 1}`, outputs);
    inputs = outputs;
  }
  layer(`encoder.trunk.${2 * halved.length}`, inputs, half, 1, 1);
  layer('encoder.features.linear', half * side ** 2, hidden);
  layer('encoder.code', hidden, code, 1, 1);
  layer('encoder.direct.linear', channels * frame ** 2, code);
  if (config.decoder === 'linear') layer('decoder.unfold.linear', code, width * config.grid ** 2);
  else {
    layer('decoder.unfold.write.0', code, 256);
    layer('decoder.unfold.write.2', 256, rank * waves(config) ** 2);
    layer('decoder.unfold.network.1', rank, 2 * width, 1, 1);
    layer('decoder.unfold.network.3', 2 * width, width, 1, 1);
  }
  for (let number = 0; number < decoder_blocks; number++) block(`decoder.blocks.${number}`, width);
  layer('decoder.last', width, channels * (2 * config.frequencies + 1) ** 2, 3, 3);
  if (components)
    Object.assign(result, {
      'prior.share': [components],
      'prior.mean': [components, code],
      'prior.factor': [components, (code * (code + 1)) / 2],
    });
}
