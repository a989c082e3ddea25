module.exports = [...require('./reference_http'), ...require('./reference_packets')];
