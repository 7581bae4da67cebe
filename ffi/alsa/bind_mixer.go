package alsa

// mixerCalls are the functions of the simple mixer.
//
//poolgen:bind soname=libasound.so.2 pkg-config=alsa include=alsa/asoundlib.h package=libasound2 dev=libasound2-dev types=snd_mixer_selem_channel_id_t:int32
type mixerCalls interface {
	mixerOpen(mixer *ptr, mode int32) Code // int snd_mixer_open(snd_mixer_t **mixer, int mode)
	mixerClose(mixer ptr) Code             // int snd_mixer_close(snd_mixer_t *mixer)
	mixerAttach(mixer ptr, name ptr) Code  // int snd_mixer_attach(snd_mixer_t *mixer, const char *name)
	// int snd_mixer_selem_register(snd_mixer_t *mixer, struct snd_mixer_selem_regopt *options, snd_mixer_class_t **classp)
	selemRegister(mixer ptr, options ptr, classp *ptr) Code
	mixerLoad(mixer ptr) Code                         // int snd_mixer_load(snd_mixer_t *mixer)
	mixerFirstElem(mixer ptr) ptr                     // snd_mixer_elem_t *snd_mixer_first_elem(snd_mixer_t *mixer)
	mixerElemNext(elem ptr) ptr                       // snd_mixer_elem_t *snd_mixer_elem_next(snd_mixer_elem_t *elem)
	mixerHandleEvents(mixer ptr) Code                 // int snd_mixer_handle_events(snd_mixer_t *mixer)
	mixerPollCount(mixer ptr) Code                    // int snd_mixer_poll_descriptors_count(snd_mixer_t *mixer)
	mixerPoll(mixer ptr, pfds ptr, space uint32) Code // int snd_mixer_poll_descriptors(snd_mixer_t *mixer, struct pollfd *pfds, unsigned int space)
	// int snd_mixer_poll_descriptors_revents(snd_mixer_t *mixer, struct pollfd *pfds, unsigned int nfds, unsigned short *revents)
	mixerPollRevents(mixer ptr, pfds ptr, nfds uint32, revents *uint16) Code
	selemGetName(elem ptr) string                      // const char *snd_mixer_selem_get_name(snd_mixer_elem_t *elem)
	selemGetIndex(elem ptr) uint32                     // unsigned int snd_mixer_selem_get_index(snd_mixer_elem_t *elem)
	selemIsActive(elem ptr) Code                       // int snd_mixer_selem_is_active(snd_mixer_elem_t *elem)
	selemHasCommonVolume(elem ptr) Code                // int snd_mixer_selem_has_common_volume(snd_mixer_elem_t *elem)
	selemHasCommonSwitch(elem ptr) Code                // int snd_mixer_selem_has_common_switch(snd_mixer_elem_t *elem)
	selemIsPlaybackMono(elem ptr) Code                 // int snd_mixer_selem_is_playback_mono(snd_mixer_elem_t *elem)
	selemHasPlaybackChannel(o ptr, channel int32) Code // int snd_mixer_selem_has_playback_channel(snd_mixer_elem_t *o, snd_mixer_selem_channel_id_t channel)
	selemHasPlaybackVolume(elem ptr) Code              // int snd_mixer_selem_has_playback_volume(snd_mixer_elem_t *elem)
	selemHasPlaybackVolumeJoined(elem ptr) Code        // int snd_mixer_selem_has_playback_volume_joined(snd_mixer_elem_t *elem)
	selemHasPlaybackSwitch(elem ptr) Code              // int snd_mixer_selem_has_playback_switch(snd_mixer_elem_t *elem)
	selemHasPlaybackSwitchJoined(elem ptr) Code        // int snd_mixer_selem_has_playback_switch_joined(snd_mixer_elem_t *elem)
	// int snd_mixer_selem_get_playback_volume(snd_mixer_elem_t *elem, snd_mixer_selem_channel_id_t channel, long *value)
	selemGetPlaybackVolume(elem ptr, channel int32, value *int) Code
	selemGetPlaybackVolumeRange(elem ptr, min *int, max *int) Code // int snd_mixer_selem_get_playback_volume_range(snd_mixer_elem_t *elem, long *min, long *max)
	// int snd_mixer_selem_get_playback_dB(snd_mixer_elem_t *elem, snd_mixer_selem_channel_id_t channel, long *value)
	selemGetPlaybackDB(elem ptr, channel int32, value *int) Code
	selemGetPlaybackDBRange(elem ptr, min *int, max *int) Code // int snd_mixer_selem_get_playback_dB_range(snd_mixer_elem_t *elem, long *min, long *max)
	// int snd_mixer_selem_get_playback_switch(snd_mixer_elem_t *elem, snd_mixer_selem_channel_id_t channel, int *value)
	selemGetPlaybackSwitch(elem ptr, channel int32, value *int32) Code
	// int snd_mixer_selem_set_playback_volume(snd_mixer_elem_t *elem, snd_mixer_selem_channel_id_t channel, long value)
	selemSetPlaybackVolume(elem ptr, channel int32, value int) Code
	// int snd_mixer_selem_set_playback_dB(snd_mixer_elem_t *elem, snd_mixer_selem_channel_id_t channel, long value, int dir)
	selemSetPlaybackDB(elem ptr, channel int32, value int, dir int32) Code
	// int snd_mixer_selem_set_playback_switch(snd_mixer_elem_t *elem, snd_mixer_selem_channel_id_t channel, int value)
	selemSetPlaybackSwitch(elem ptr, channel int32, value int32) Code
	selemIsCaptureMono(elem ptr) Code                 // int snd_mixer_selem_is_capture_mono(snd_mixer_elem_t *elem)
	selemHasCaptureChannel(o ptr, channel int32) Code // int snd_mixer_selem_has_capture_channel(snd_mixer_elem_t *o, snd_mixer_selem_channel_id_t channel)
	selemHasCaptureVolume(elem ptr) Code              // int snd_mixer_selem_has_capture_volume(snd_mixer_elem_t *elem)
	selemHasCaptureVolumeJoined(elem ptr) Code        // int snd_mixer_selem_has_capture_volume_joined(snd_mixer_elem_t *elem)
	selemHasCaptureSwitch(elem ptr) Code              // int snd_mixer_selem_has_capture_switch(snd_mixer_elem_t *elem)
	selemHasCaptureSwitchJoined(elem ptr) Code        // int snd_mixer_selem_has_capture_switch_joined(snd_mixer_elem_t *elem)
	// int snd_mixer_selem_get_capture_volume(snd_mixer_elem_t *elem, snd_mixer_selem_channel_id_t channel, long *value)
	selemGetCaptureVolume(elem ptr, channel int32, value *int) Code
	selemGetCaptureVolumeRange(elem ptr, min *int, max *int) Code // int snd_mixer_selem_get_capture_volume_range(snd_mixer_elem_t *elem, long *min, long *max)
	// int snd_mixer_selem_get_capture_dB(snd_mixer_elem_t *elem, snd_mixer_selem_channel_id_t channel, long *value)
	selemGetCaptureDB(elem ptr, channel int32, value *int) Code
	selemGetCaptureDBRange(elem ptr, min *int, max *int) Code // int snd_mixer_selem_get_capture_dB_range(snd_mixer_elem_t *elem, long *min, long *max)
	// int snd_mixer_selem_get_capture_switch(snd_mixer_elem_t *elem, snd_mixer_selem_channel_id_t channel, int *value)
	selemGetCaptureSwitch(elem ptr, channel int32, value *int32) Code
	// int snd_mixer_selem_set_capture_volume(snd_mixer_elem_t *elem, snd_mixer_selem_channel_id_t channel, long value)
	selemSetCaptureVolume(elem ptr, channel int32, value int) Code
	// int snd_mixer_selem_set_capture_dB(snd_mixer_elem_t *elem, snd_mixer_selem_channel_id_t channel, long value, int dir)
	selemSetCaptureDB(elem ptr, channel int32, value int, dir int32) Code
	// int snd_mixer_selem_set_capture_switch(snd_mixer_elem_t *elem, snd_mixer_selem_channel_id_t channel, int value)
	selemSetCaptureSwitch(elem ptr, channel int32, value int32) Code
	selemIsEnumerated(elem ptr) Code   // int snd_mixer_selem_is_enumerated(snd_mixer_elem_t *elem)
	selemIsEnumPlayback(elem ptr) Code // int snd_mixer_selem_is_enum_playback(snd_mixer_elem_t *elem)
	selemIsEnumCapture(elem ptr) Code  // int snd_mixer_selem_is_enum_capture(snd_mixer_elem_t *elem)
	selemGetEnumItems(elem ptr) Code   // int snd_mixer_selem_get_enum_items(snd_mixer_elem_t *elem)
	// int snd_mixer_selem_get_enum_item_name(snd_mixer_elem_t *elem, unsigned int idx, size_t maxlen, char *str)
	selemGetEnumItemName(elem ptr, idx uint32, maxlen uintptr, str ptr) Code
	// int snd_mixer_selem_get_enum_item(snd_mixer_elem_t *elem, snd_mixer_selem_channel_id_t channel, unsigned int *idxp)
	selemGetEnumItem(elem ptr, channel int32, idxp *uint32) Code
	// int snd_mixer_selem_set_enum_item(snd_mixer_elem_t *elem, snd_mixer_selem_channel_id_t channel, unsigned int idx)
	selemSetEnumItem(elem ptr, channel int32, idx uint32) Code
}
